package progress

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := Start(&out)
		p.Read(3)
		time.Sleep(time.Second - time.Nanosecond)
		p.Stop()
		if out.Len() > 0 {
			t.Errorf("work of less than a second: got %q, want nothing", out.String())
		}
	})
}

func TestNothingDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := Start(&out)
		time.Sleep(time.Hour)
		p.Stop()
		if out.Len() > 0 {
			t.Errorf("before anything is read: got %q, want nothing", out.String())
		}
	})
}

func TestLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := Start(&out)
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				p.Read(3_000)
				p.Judged(100)
			})
		}
		workers.Wait()
		time.Sleep(delay + interval/2)
		p.Judged(1_000_000)
		time.Sleep(interval)
		p.Stop()
		want := "\rread 12,000 documents, judged 400 objects" +
			"\rread 12,000 documents, judged 1,000,400 objects" +
			"\r                                               \r"
		if got := out.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		time.Sleep(time.Hour)
		if got := out.String(); got != want {
			t.Errorf("after Stop: got %q, want nothing more", got)
		}
	})
}

// TestNil: without a terminal there is no Progress, and nobody has to ask.
func TestNil(_ *testing.T) {
	var p *Progress
	p.Read(1)
	p.Judged(1)
	p.Stop()
}

func TestGrouped(t *testing.T) {
	for number, want := range map[int64]string{0: "0", 999: "999", 1_000: "1,000", 12_345: "12,345", 123_456: "123,456", 1_234_567: "1,234,567"} {
		if got := grouped(number); got != want {
			t.Errorf("%d: got %s, want %s", number, got, want)
		}
	}
}

// BenchmarkProgress is what counting costs, in vain and for a terminal.
func BenchmarkProgress(b *testing.B) {
	for name, p := range map[string]*Progress{"None": nil, "Some": {}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p.Judged(1)
			}
		})
	}
}
