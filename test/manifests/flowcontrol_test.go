package manifests

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/client-go/rest"

	"fedmesh.io/fedmesh/test/installation"
)

// flowControl looks at which seats the API server serves requests from. It says so
// in a header of each answer, refusals included.
func (o *overlay) flowControl(t *testing.T) {
	schema, level := &flowcontrolv1.FlowSchema{}, &flowcontrolv1.PriorityLevelConfiguration{}
	o.get(t, "", "fedmesh", schema)
	o.get(t, "", "fedmesh", level)
	own := classification{string(schema.UID), string(level.UID)}

	server := o.serviceAccountConfig(t, installation.Name)
	const leases = "/apis/coordination.k8s.io/v1/namespaces/" + installation.Namespace + "/leases"
	o.eventually(t, "the API server to know the FlowSchema", func() error {
		if got := classify(t, server, http.MethodGet, leases); got != own {
			return fmt.Errorf("a request is classified as %+v, want %+v", got, own)
		}
		return nil
	})
	for _, request := range []struct {
		config       *rest.Config
		method, path string
		want         bool
	}{
		{server, http.MethodPost, leases, true},
		{server, http.MethodPut, leases + "/fedmesh-leader", true},
		{server, http.MethodGet, "/apis/networking.istio.io/v1/serviceentries", true},
		{server, http.MethodGet, "/apis/networking.istio.io/v1/namespaces/foo/sidecars/a", true},
		{server, http.MethodDelete, "/apis/networking.k8s.io/v1/ipaddresses/240.0.0.1", true},
		{server, http.MethodPost, "/apis/events.k8s.io/v1/namespaces/foo/events", true},
		{server, http.MethodGet, "/apis", true},
		// Not whoever else is in the namespace, and not the administrator.
		{o.serviceAccountConfig(t, "default"), http.MethodGet, leases, false},
		{o.plane.Config(), http.MethodGet, leases, false},
	} {
		got := classify(t, request.config, request.method, request.path)
		if (got == own) != request.want || got.schema == "" || got.level == "" {
			t.Errorf("%s %s is classified as %+v; it is as fedmesh's (%+v): want %t", request.method, request.path, got, own, request.want)
		}
	}

	// The comment in the manifest says how many seats there are, and that nobody
	// else can have them.
	const want = "66"
	for _, metric := range []string{"nominal_limit", "lower_limit"} {
		if got := o.seats(t, metric); got != want {
			t.Errorf("the API server has %q seats for fedmesh as %s, want %s", got, metric, want)
		}
	}
}

// classification names FlowSchema and PriorityLevelConfiguration by their uids.
type classification struct{ schema, level string }

// classify sends a request without a body.
func classify(t *testing.T, config *rest.Config, method, path string) classification {
	t.Helper()
	response := send(t, config, method, path)
	defer response.Body.Close()
	return classification{
		response.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID),
		response.Header.Get(flowcontrolv1.ResponseHeaderMatchedPriorityLevelConfigurationUID),
	}
}

// seats returns a metric of fedmesh's priority level, or nothing.
func (o *overlay) seats(t *testing.T, metric string) string {
	t.Helper()
	response := send(t, o.plane.Config(), http.MethodGet, "/metrics")
	defer response.Body.Close()
	head := "apiserver_flowcontrol_" + metric + `_seats{priority_level="fedmesh"} `
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), head); ok {
			return value
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return ""
}

func send(t *testing.T, config *rest.Config, method, path string) *http.Response {
	t.Helper()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(config.Host, "/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return response
}
