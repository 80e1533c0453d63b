//go:build linux

package bench

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

const (
	// inFlight is how many reviews are asked for at a time: an API server under
	// load sends them over one connection, and a server that wakes up for each
	// of them would hide what the review costs behind what waking up costs.
	inFlight = 8
	// turn is how many reviews one server gets before the other one does.
	turn = 256
)

// BenchmarkServer measures what a review costs the real server, beside what it
// costs the floor. cpu is time of the server's process in user and kernel mode,
// everything it did counted in; p50 and p99 are what the client waited with
// inFlight reviews under way; cpu-x-floor is the cpu of fedmesh over that of the
// floor, which is asked in turns with it.
//
// At resident the server's memory is measured, after load.
func BenchmarkServer(b *testing.B) {
	plain := startFloor(b)
	for _, entries := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			fedmesh, _ := startFedmesh(b, entries)
			reviews := readReviews(b)
			for _, review := range reviews {
				b.Run("kind="+review.kind, func(b *testing.B) {
					floor := newTarget(b, plain, review, expectAllowed)
					asked := newTarget(b, fedmesh, review, review.expect)
					b.Run("server=floor", func(b *testing.B) { measure(b, floor, nil) })
					b.Run("server=fedmesh", func(b *testing.B) { measure(b, asked, floor) })
				})
			}
			b.Run("resident", func(b *testing.B) { measureMemory(b, fedmesh, reviews) })
		})
	}
}

// measure asks subject b.N times. Where there is a base, it gets as many reviews
// in turns, outside of the benchmark's clock, and the CPU time of subject is
// also reported as a multiple of its.
func measure(b *testing.B, subject, base *target) {
	waits := make([]time.Duration, b.N)
	subjectBefore, baseBefore := subject.cpuTime(b), base.cpuTime(b)
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		count := min(turn, b.N-done)
		subject.load(b, waits[done:done+count])
		if base != nil {
			b.StopTimer()
			base.load(b, make([]time.Duration, count))
			b.StartTimer()
		}
	}
	b.StopTimer()
	cpu := subject.cpuTime(b) - subjectBefore
	slices.Sort(waits)
	b.ReportMetric(micros(cpu)/float64(b.N), "cpu-µs/review")
	b.ReportMetric(micros(percentile(waits, 0.50)), "p50-µs")
	b.ReportMetric(micros(percentile(waits, 0.99)), "p99-µs")
	if base != nil {
		b.ReportMetric(float64(cpu)/float64(base.cpuTime(b)-baseBefore), "cpu-x-floor")
	}
	b.ReportMetric(0, "ns/op") // of the client and both servers together
}

// measureMemory reports how much memory the server has in RAM after b.N reviews
// of each kind, how much of that is its own and no part of the binary, which the
// kernel drops and reads again as it likes, and how much it had at most since it
// started, the listing of all entries included.
func measureMemory(b *testing.B, server *server, reviews []review) {
	var targets []*target
	for _, review := range reviews {
		targets = append(targets, newTarget(b, server, review, review.expect))
	}
	b.ResetTimer()
	for _, target := range targets {
		target.load(b, make([]time.Duration, b.N))
	}
	b.StopTimer()
	b.ReportMetric(server.memory(b, "VmRSS"), "rss-MiB")
	b.ReportMetric(server.memory(b, "VmHWM"), "peak-rss-MiB")
	b.ReportMetric(server.memory(b, "RssAnon"), "anonymous-MiB")
	b.ReportMetric(0, "ns/op") // how long the load took says nothing
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// percentile returns what part of the durations, which are sorted, stay below.
func percentile(sorted []time.Duration, part float64) time.Duration {
	return sorted[int(math.Ceil(part*float64(len(sorted))))-1]
}
