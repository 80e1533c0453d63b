package mesh

import "testing"

func TestCoversAndDisjoint(t *testing.T) {
	for _, test := range []struct {
		one, other       string
		covers, disjoint bool // whether one covers other
	}{
		{``, ``, true, false},
		{``, `app: a`, true, false},
		{`app: a`, ``, false, false},
		{`app: a`, `app: a`, true, false},
		{`app: a`, `app: b`, false, true},
		{`app: b`, `app: a`, false, true},
		{`app: a`, `tier: a`, false, false},
		{`app: a`, `app: a, tier: b`, true, false},
		{`app: a, tier: b`, `app: a`, false, false},
		{`app: a, tier: b`, `app: a, tier: c`, false, true},
		{`tier: b`, `app: a, tier: b, version: v1`, true, false},
		{`app: a`, `app2: b`, false, false},
		{`app2: a`, `app: b`, false, false},
	} {
		labels := func(text string) []string {
			return NewRecord(decode(t, Sidecar, `{spec: {workloadSelector: {labels: {`+text+`}}}}`)).Sidecar().Selector
		}
		one, other := labels(test.one), labels(test.other)
		if got := Covers(one, other); got != test.covers {
			t.Errorf("Covers(%q, %q) = %t; want %t", one, other, got, test.covers)
		}
		if got := Disjoint(one, other); got != test.disjoint {
			t.Errorf("Disjoint(%q, %q) = %t; want %t", one, other, got, test.disjoint)
		}
		if got := Disjoint(other, one); got != test.disjoint {
			t.Errorf("Disjoint(%q, %q) = %t; want %t", other, one, got, test.disjoint)
		}
	}
}
