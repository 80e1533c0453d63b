package mesh

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMultimap holds a multimap against a plain map of slices over many random
// steps; when all is removed nothing stays behind.
func TestMultimap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	got := newMultimap[int, int]()
	want := map[int][]int{}
	check := func() {
		t.Helper()
		for key := range 8 {
			values := got.appendTo(nil, key)
			expected := slices.Clone(want[key])
			slices.Sort(values)
			slices.Sort(expected)
			if !slices.Equal(values, expected) {
				t.Fatalf("values of %d are %v; want %v", key, values, expected)
			}
		}
	}
	for range 5_000 {
		key, value := random.IntN(8), random.IntN(6)
		if i := slices.Index(want[key], value); i >= 0 {
			want[key] = slices.Delete(want[key], i, i+1)
			got.remove(key, value)
		} else if random.IntN(4) == 0 {
			got.remove(key, value) // not there
		} else {
			want[key] = append(want[key], value)
			got.add(key, value)
		}
		check()
	}
	for key, values := range want {
		for _, value := range values {
			got.remove(key, value)
		}
		want[key] = nil
	}
	check()
	if len(got.first) != 0 || len(got.rest) != 0 {
		t.Errorf("%d first and %d further values are left; want none", len(got.first), len(got.rest))
	}
}

func TestMultimapAppends(t *testing.T) {
	m := newMultimap[string, int]()
	m.add("a", 1)
	m.add("a", 2)
	values := m.appendTo([]int{0}, "a")
	if !slices.Equal(values, []int{0, 1, 2}) {
		t.Fatalf("got %v; want 0 1 2", values)
	}
	values[2] = 9 // the caller's to change
	if again := m.appendTo(nil, "a"); !slices.Equal(again, []int{1, 2}) {
		t.Errorf("got %v after the caller changed an answer; want 1 2", again)
	}
}
