package policies

import (
	"strings"
	"testing"

	"fedmesh.io/fedmesh/policies/pods"
)

// TestEffectiveMount: of two mounts at one place the proxy sees the one whose path
// has more steps, and of two with as many the last.
func TestEffectiveMount(t *testing.T) {
	const short, long = "/run/secrets/workload-spiffe-uds", pods.SocketDirectory
	for name, test := range map[string]struct {
		paths []string
		want  int
	}{
		"one":             {[]string{short}, 0},
		"short, long":     {[]string{short, long}, 1},
		"long, short":     {[]string{long, short}, 0},
		"not yet cleaned": {[]string{long, "/run//secrets//./workload-spiffe-uds/"}, 0},
		"the same twice":  {[]string{long, long}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var mounts []pods.Mount
			for i, path := range test.paths {
				mounts = append(mounts, pods.Mount{Index: i, Path: path})
			}
			if got := effectiveMount(mounts).Index; got != test.want {
				t.Errorf("got mount %d of %q; want %d", got, test.paths, test.want)
			}
		})
	}
}

func TestLeftover(t *testing.T) {
	const status = `"metadata":{"annotations":{"sidecar.istio.io/status":"{}"}},`
	for name, test := range map[string]struct {
		pod  string
		want string // JSON pointer
	}{
		"native sidecar and a container without image": {`{` + status + `"spec":{"initContainers":[{"name":"istio-proxy","image":"x"}],"containers":[{"name":"web"},{"name":"istio-proxy"}]}}`, "/spec/containers/1"},
		"not injected":               {`{"spec":{"initContainers":[{"name":"istio-proxy","image":"auto"}],"containers":[{"name":"istio-proxy"}]}}`, ""},
		"no native sidecar":          {`{` + status + `"spec":{"containers":[{"name":"istio-proxy"},{"name":"web"}]}}`, ""},
		"native sidecar alone":       {`{` + status + `"spec":{"initContainers":[{"name":"istio-proxy","image":"x"}],"containers":[{"name":"web"}]}}`, ""},
		"a second one with an image": {`{` + status + `"spec":{"initContainers":[{"name":"istio-proxy","image":"x"}],"containers":[{"name":"istio-proxy","image":"y"}]}}`, ""},
		"another container without":  {`{` + status + `"spec":{"initContainers":[{"name":"istio-init"}],"containers":[{"name":"istio-proxy"}]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			pod, err := pods.Decode([]byte(test.pod))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if second := leftover(pod); second != nil {
				got = second.Path
			}
			if got != test.want {
				t.Errorf("got %q; want %q", got, test.want)
			}
		})
	}
}

// TestLeftoverNamesTheTemplate: the message fits into a warning whatever the
// template is called.
func TestLeftoverNamesTheTemplate(t *testing.T) {
	for asked, want := range map[string]string{
		"": "spire", "sidecar": "spire", "sidecar,spire": "spire", " gateway , socket ": "socket", "sidecar," + strings.Repeat("x", 90): strings.Repeat("x", 17) + "...",
	} {
		pod, err := pods.Decode([]byte(`{"metadata":{"annotations":{"inject.istio.io/templates":"` + asked + `"}},"spec":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		got := leftoverFinding(pod, &pods.Container{Path: "/spec/containers/1", Index: 1})
		if !strings.Contains(got.Message, "template "+want+" patches") || !strings.HasPrefix(got.Fix, "take "+want+" out of inject.istio.io/templates") {
			t.Errorf("templates %q: got %q; want it to speak of %s", asked, got.Text(), want)
		}
		if want == "spire" && len(got.String()) > MaxWarning {
			t.Errorf("got a message of %d bytes; want at most %d: %s", len(got.String()), MaxWarning, got)
		}
	}
}
