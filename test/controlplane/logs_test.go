package controlplane

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestLog(t *testing.T) {
	var out strings.Builder
	var mu sync.Mutex
	first, second := NewLog("etcd", &out, &mu), NewLog("kubectl", &out, &mu)
	if got := first.LastLines(); got != "etcd printed nothing" {
		t.Errorf("at first it says %q", got)
	}
	for _, text := range []string{"one\ntw", "o\n", "three"} {
		if n, err := first.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("Write returned %d, %v", n, err)
		}
		fmt.Fprintln(second, "hello")
	}
	if want := "etcd: one\nkubectl: hello\netcd: two\nkubectl: hello\nkubectl: hello\n"; out.String() != want {
		t.Errorf("out is %q, want %q", out.String(), want)
	}
	if got, want := first.LastLines(), "etcd printed last:\n\tone\n\ttwo\n\tthree"; got != want {
		t.Errorf("last lines are %q, want %q", got, want)
	}
	for i := range 2 * tailLines {
		fmt.Fprintf(first, "line %d\n", i)
	}
	got := strings.Count(first.LastLines(), "\n\t")
	if got != tailLines {
		t.Errorf("%d lines are kept, want %d", got, tailLines)
	}
}
