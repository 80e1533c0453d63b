package mesh

import "testing"

func TestCanonicalHost(t *testing.T) {
	for host, want := range map[string]string{
		"httpbin.bar.global":   "httpbin.bar.global",
		"HTTPBin.bar.GLOBAL":   "httpbin.bar.global",
		"httpbin.bar.global.":  "httpbin.bar.global",
		"httpbin.bar.global..": "httpbin.bar.global.", // one dot ends a name, two are an empty label
		"*.Global":             "*.global",
		"":                     "",
		".":                    "",
	} {
		if got := CanonicalHost(host); got != want {
			t.Errorf("CanonicalHost(%q) = %q; want %q", host, got, want)
		}
	}
}

func TestIsWildcard(t *testing.T) {
	for host, want := range map[string]bool{
		"*": true, "*.global": true, "*foo.global": true,
		"": false, "global": false, "a.*.global": false,
	} {
		if got := IsWildcard(host); got != want {
			t.Errorf("IsWildcard(%q) = %t; want %t", host, got, want)
		}
	}
}

func TestCutNamespace(t *testing.T) {
	for host, want := range map[string][2]string{
		"httpbin.bar.global":     {"", "httpbin.bar.global"},
		"bar/httpbin.bar.global": {"bar", "httpbin.bar.global"},
		"*/*":                    {"*", "*"},
		"./*.global":             {".", "*.global"},
		"~/*":                    {"~", "*"},
		"/a":                     {"", "a"},
		"a/b/c":                  {"a", "b/c"},
		"":                       {"", ""},
	} {
		if namespace, name := CutNamespace(host); namespace != want[0] || name != want[1] {
			t.Errorf("CutNamespace(%q) = %q, %q; want %q, %q", host, namespace, name, want[0], want[1])
		}
	}
}

func TestUnderAndMatches(t *testing.T) {
	tests := []struct {
		pattern, host  string
		under, matches bool // under takes what follows "*." of pattern as the suffix
	}{
		{"global", "global", true, true},
		{"global", "a.global", true, false},
		{"global", "aglobal", false, false},
		{"global", "a.b.global", true, false},
		{"global", ".global", true, false},
		{"global", "global.com", false, false},
		{"global", "", false, false},
		{"*.safe.global", "app.safe.global", true, true},
		{"*.safe.global", "a.b.safe.global", true, true},
		{"*.safe.global", "safe.global", true, false},
		{"*.safe.global", "unsafe.global", false, false},
		{"*.safe.global", "xsafe.global", false, false},
	}
	for _, test := range tests {
		suffix := test.pattern
		if IsWildcard(suffix) {
			suffix = suffix[2:]
		}
		if got := under(test.host, suffix); got != test.under {
			t.Errorf("under(%q, %q) = %t; want %t", test.host, suffix, got, test.under)
		}
		if got := matches(test.pattern, test.host); got != test.matches {
			t.Errorf("matches(%q, %q) = %t; want %t", test.pattern, test.host, got, test.matches)
		}
	}
}
