package schema

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies/mesh"
)

func TestCheck(t *testing.T) {
	const entry = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
	for name, test := range map[string]struct {
		kind mesh.Kind
		text string
		want []string
	}{
		"known": {mesh.ServiceEntry, entry + "metadata: {whatever: 1}\nstatus: {whatever: 1}\nspec: {hosts: [a], endpoints: [{address: a, ports: {http: 1}, labels: {a: b}}]}", nil},
		"all of them": {
			mesh.ServiceEntry, entry + "spec: {address: [a], ports: [{nmber: 1}, {numbers: 1}], endpoints: [{adress: a, labels: {anything: b}}]}",
			[]string{"spec.address: write addresses", "spec.ports[0].nmber: write number", "spec.ports[1].numbers: write number", "spec.endpoints[0].adress: write address"},
		},
		"swapped letters":    {mesh.ServiceEntry, entry + "spec: {resoluiton: DNS}", []string{"spec.resoluiton: write resolution"}},
		"capitals":           {mesh.ServiceEntry, entry + "spec: {Hosts: [a]}", []string{"spec.Hosts: write hosts"}},
		"hyphens":            {mesh.ServiceEntry, entry + "spec: {export-to: [a]}", []string{"spec.export-to: write exportTo"}},
		"proto names":        {mesh.ServiceEntry, entry + "spec: {subject_alt_names: [a], export_to: [a]}", []string{"spec.subject_alt_names: write subjectAltNames", "spec.export_to: write exportTo"}},
		"nothing like it":    {mesh.ServiceEntry, entry + "spec: {zzzzzz: 1, ports: [{zzz: 1}]}", []string{"spec.zzzzzz: take it out", "spec.ports[0].zzz: take it out, or use one of name, number, protocol, targetPort"}},
		"beside the spec":    {mesh.ServiceEntry, entry + "hosts: [a]\nsepc: {}\nnamespace: foo", []string{"hosts: move it into spec", "sepc: write spec", "namespace: take it out, or use one of apiVersion, kind, metadata, spec, status"}},
		"null":               {mesh.ServiceEntry, entry + "spec: {address: null, ports: null}", []string{"spec.address: write addresses"}},
		"of another type":    {mesh.ServiceEntry, entry + "spec: {ports: {zzz: 1}, hosts: {a: b}, endpoints: [[{zzz: 1}], 3]}", nil},
		"no spec":            {mesh.ServiceEntry, entry, nil},
		"another version":    {mesh.ServiceEntry, "apiVersion: networking.istio.io/v2\nspec: {address: [a]}", nil},
		"a kind of another":  {mesh.Service, "apiVersion: v1\nspec: {address: [a]}", nil},
		"odd names":          {mesh.ServiceEntry, entry + "spec: {\"a\\nb\": 1, \"\": 1, a.b: 1, " + strings.Repeat("long", 100) + ": 1}", []string{`spec."a\nb": take it out`, `spec."": take it out`, `spec."a.b": take it out`, `spec."` + strings.Repeat("long", 16) + `"…: take it out`}},
		"keys of maps":       {mesh.DestinationRule, "apiVersion: networking.istio.io/v1\nspec: {host: a, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 1}}], zzz: 1}}}}", []string{"spec.trafficPolicy.loadBalancer.localityLbSetting.zzz: take it out, or use one of distribute, enabled, failover, failoverPriority"}},
		"keys with values":   {mesh.PeerAuthentication, "apiVersion: security.istio.io/v1\nspec: {portLevelMtls: {8080: {mod: STRICT}}}", []string{"spec.portLevelMtls[8080].mod: write mode"}},
		"deprecated":         {mesh.VirtualService, "apiVersion: networking.istio.io/v1alpha3\nspec: {http: [{mirror_percent: 1, mirrorPercent: 1}]}", nil},
		"a Struct":           {mesh.EnvoyFilter, "apiVersion: networking.istio.io/v1alpha3\nspec: {configPatches: [{patch: {value: {anything: {at: all}}}, macth: {}}]}", []string{"spec.configPatches[0].macth: write match"}},
		"wrapped":            {mesh.DestinationRule, "apiVersion: networking.istio.io/v1\nspec: {trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, interval: 1s, consecutiveErorrs: 2}}}", []string{"spec.trafficPolicy.outlierDetection.consecutiveErorrs: write consecutiveErrors"}},
		"Certificate":        {mesh.Certificate, "apiVersion: cert-manager.io/v1\nspec: {uri: [a], duration: 1h, subject: {organisations: [a]}, privateKey: {rotationPolicy: Never}}", []string{"spec.uri: write uris", "spec.subject.organisations: write organizations"}},
		"an old Certificate": {mesh.Certificate, "apiVersion: cert-manager.io/v1alpha2\nspec: {uriSANs: [a]}", nil},
		"CertificateRequest": {mesh.CertificateRequest, "apiVersion: cert-manager.io/v1\nspec: {request: YQ==, csr: a, extra: {a: [b]}}", []string{"spec.csr: take it out"}},
	} {
		t.Run(name, func(t *testing.T) {
			object, err := yaml.YAMLToJSON([]byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			version, _, _ := strings.Cut(strings.TrimPrefix(test.text, "apiVersion: "), "\n")
			var got []string
			for _, unknown := range NewChecker().Check(test.kind, version, object) {
				got = append(got, unknown.Path.String()+": "+unknown.Fix)
			}
			slices.Sort(got) // the library that makes JSON of YAML here sorts
			slices.Sort(test.want)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("unknown fields differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrder: unknown fields come in the order of the object, and names may be written
// with escapes.
func TestOrder(t *testing.T) {
	const text = `{"z": 1, "\u0073pec": {"\u0068osts": [],"c": 1, "ports": [{"b": 1}, {"a": 1}], "B": 1}, "a": 1}`
	var got []string
	for _, unknown := range NewChecker().Check(mesh.ServiceEntry, "networking.istio.io/v1", []byte(text)) {
		got = append(got, unknown.Path.String())
	}
	if diff := cmp.Diff([]string{"z", "spec.c", "spec.ports[0].b", "spec.ports[1].a", "spec.B", "a"}, got); diff != "" {
		t.Errorf("paths differ (-want +got):\n%s", diff)
	}
}

// TestRule: what users are told about the rule is true of it.
func TestRule(t *testing.T) {
	rule, checker := Rule(), NewChecker()
	count := func(text string) int {
		object, err := yaml.YAMLToJSONStrict([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return len(checker.Check(mesh.ServiceEntry, "networking.istio.io/v1", object))
	}
	if got := count(rule.Doc.Bad); got != 1 {
		t.Errorf("the bad example: got %d unknown fields, want 1", got)
	}
	if got := count(rule.Doc.Good); got != 0 {
		t.Errorf("the good example: got %d unknown fields, want none", got)
	}
	for kind := range checker.objects {
		if !slices.Contains(rule.Applies, kind) {
			t.Errorf("%s is checked, and the rule does not say that it applies to it", kind)
		}
	}
	if got, want := len(rule.Applies), len(checker.objects); got != want {
		t.Errorf("got %d kinds that the rule applies to, want %d", got, want)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"address", "endpoints", "host", "hosts", "port"}
	for name, want := range map[string]string{
		"addres": "address", "adddress": "address", "addersses": "address", "Endpoint": "endpoints", "hsot": "host", "hots": "host",
		"por": "port", "x": "", "": "", "po": "", "something": "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

// FuzzCheck: whatever an object is, it is gone through without a panic, and findings
// are lines of text that are not too long.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"", "{", `{"spec": {"hosts": [`, `{"spec": {"ports": [{"a": [1, {"b": null}]}], "": {}}}`, `{"a\n": 1, "é": 2}`, `{"spec": {"endpoints": [{"labels": {"a": "b"}}]}} 3`,
		`{"spec": {"ports": [nul`, `{"spec": {"ports": [}`,
	} {
		f.Add([]byte(seed))
	}
	checker := NewChecker()
	f.Fuzz(func(t *testing.T, object []byte) {
		if len(object) > 1<<12 {
			t.Skip()
		}
		for kind := range checker.objects {
			for _, unknown := range checker.Check(kind, kind.GroupKind().Group+"/v1", object) {
				path := unknown.Path.String()
				if strings.ContainsFunc(path+unknown.Fix, unicode.IsControl) {
					t.Errorf("got %q, %q; want no control characters", path, unknown.Fix)
				}
				if last := path[strings.LastIndex(path, "]")+1:]; len(unknown.Fix) > 100 || unknown.Fix == "" || last == "" {
					t.Errorf("got %q, %q; want a name and a fix", path, unknown.Fix)
				}
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	object, err := yaml.YAMLToJSONStrict([]byte(Rule().Doc.Good))
	if err != nil {
		b.Fatal(err)
	}
	checker := NewChecker()
	for b.Loop() {
		if found := checker.Check(mesh.ServiceEntry, "networking.istio.io/v1", object); found != nil {
			b.Fatal(found)
		}
	}
}
