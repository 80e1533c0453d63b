package policies

import (
	"testing"

	"k8s.io/apimachinery/pkg/labels"
)

// TestWhyNotInjected: istio-injection comes before istio.io/rev.
func TestWhyNotInjected(t *testing.T) {
	for name, test := range map[string]struct {
		labels labels.Set
		want   string
	}{
		"none":                {nil, "namespace foo has neither istio-injection=enabled nor istio.io/rev"},
		"disabled":            {labels.Set{"istio-injection": "disabled"}, "namespace foo is labelled istio-injection=disabled"},
		"disabled wins":       {labels.Set{"istio-injection": "disabled", "istio.io/rev": "stable"}, "namespace foo is labelled istio-injection=disabled"},
		"enabled":             {labels.Set{"istio-injection": "enabled"}, "namespace foo is labelled istio-injection=enabled, and no injector came"},
		"revision":            {labels.Set{"istio.io/rev": "stable"}, "namespace foo is labelled istio.io/rev=stable, and no injector came"},
		"neither of the two":  {labels.Set{"istio-injection": "true"}, "namespace foo has neither istio-injection=enabled nor istio.io/rev"},
		"and a revision":      {labels.Set{"istio-injection": "true", "istio.io/rev": "stable"}, "namespace foo has neither istio-injection=enabled nor istio.io/rev"},
		"an empty revision":   {labels.Set{"istio.io/rev": ""}, "namespace foo has neither istio-injection=enabled nor istio.io/rev"},
		"labels of no matter": {labels.Set{"team": "a"}, "namespace foo has neither istio-injection=enabled nor istio.io/rev"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, fix := whyNotInjected("foo", test.labels); got != test.want || fix == "" {
				t.Errorf("got %q and fix %q; want %q and any", got, fix, test.want)
			}
		})
	}
}
