package mesh

import "testing"

func TestRoutesOwn(t *testing.T) {
	for exportTo, want := range map[string]bool{
		"": true, "'*'": true, ".": true, "foo": true, "bar, foo": true, "bar": false, "'~'": false,
	} {
		object := decode(t, VirtualService, `{metadata: {name: a, namespace: foo}, spec: {exportTo: [`+exportTo+`]}}`)
		if got := newRoutes(object).Own; got != want {
			t.Errorf("exported to %q: got %t; want %t", exportTo, got, want)
		}
	}
}
