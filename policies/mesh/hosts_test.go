package mesh

import (
	"slices"
	"testing"
)

func TestHostTree(t *testing.T) {
	tree := newHostTree[*Entry]()
	entries := map[string]*Entry{}
	for name, hosts := range map[string][]string{
		"a":        {"httpbin.bar.global"},
		"again":    {"httpbin.bar.global"},
		"two":      {"reviews.bar.global", "ratings.bar.global"},
		"deep":     {"v1.httpbin.bar.global"},
		"wild":     {"*.bar.global"},
		"bare":     {"bar.global"},
		"alike":    {"foobar.global"},
		"elsewere": {"httpbin.bar.global.com"},
	} {
		entry := &Entry{Holder: Holder{Ref: Ref{Kind: ServiceEntry, Namespace: "foo", Name: name}, Hosts: hosts}}
		entries[name] = entry
		tree.add(entry)
	}
	names := func(find func(string, func(*Entry) bool), host string) []string {
		var names []string
		find(host, func(entry *Entry) bool {
			names = append(names, entry.Ref.Name)
			return true
		})
		slices.Sort(names)
		return slices.Compact(names)
	}
	tests := []struct {
		host              string
		defining, covered []string
	}{
		{"httpbin.bar.global", []string{"a", "again"}, []string{"a", "again"}},
		{"ratings.bar.global", []string{"two"}, []string{"two"}},
		{"*.bar.global", []string{"wild"}, []string{"a", "again", "deep", "two", "wild"}},
		{"*.httpbin.bar.global", nil, []string{"deep"}},
		{"*.global", nil, []string{"a", "again", "alike", "bare", "deep", "two", "wild"}},
		{"*bar.global", nil, []string{"a", "again", "alike", "bare", "deep", "two", "wild"}},
		{"bar.global", []string{"bare"}, []string{"bare"}},
		{"ttpbin.bar.global", nil, nil},
		{".bar.global", nil, nil},
		{"*", nil, []string{"a", "again", "alike", "bare", "deep", "elsewere", "two", "wild"}},
		{"", nil, nil},
	}
	for _, test := range tests {
		if got := names(tree.of, test.host); !slices.Equal(got, test.defining) {
			t.Errorf("%q is defined by %v; want %v", test.host, got, test.defining)
		}
		if got := names(tree.under, test.host); !slices.Equal(got, test.covered) {
			t.Errorf("%q covers hosts of %v; want %v", test.host, got, test.covered)
		}
	}
	for name, entry := range entries {
		if name != "again" {
			tree.remove(entry)
		}
	}
	if got := names(tree.under, "*"); !slices.Equal(got, []string{"again"}) {
		t.Errorf("left: %v; want what was not removed, again", got)
	}
}

func TestHostTreeStops(t *testing.T) {
	index := NewIndex()
	fill(t, index, 10)
	for _, find := range []func(string, func(*Entry) bool){index.byHost.of, index.byHost.under} {
		seen := 0
		find("httpbin-3.bar.global", func(*Entry) bool { seen++; return false })
		if seen != 1 {
			t.Errorf("yielded %d times; want 1", seen)
		}
	}
	seen := 0
	index.byHost.under("*.global", func(*Entry) bool { seen++; return seen < 3 })
	if seen != 3 {
		t.Errorf("yielded %d times; want 3, then to stop", seen)
	}
}
