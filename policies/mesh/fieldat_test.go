package mesh

import (
	"strings"
	"testing"
)

func TestDecodeErrorsNameTheField(t *testing.T) {
	for _, test := range []struct {
		kind       Kind
		spec, want string
	}{
		{ServiceEntry, `{"hosts":"httpbin"}`, "spec.hosts: "},
		{ServiceEntry, `{"hosts":["a",7]}`, "spec.hosts[1]: "},
		{ServiceEntry, `{"hosts":["a"],"ports":[{"number":80},{"name":"x","number":"many"}]}`, "spec.ports[1].number: "},
		{ServiceEntry, "{\n  \"hosts\": [\"a\"],\n  \"endpoints\": [\n    {\"address\": {}}\n  ]\n}", "spec.endpoints[0].address: "},
		{ServiceEntry, `{"endpoints":[{"labels":{"a":"b"}},{"labels":{"c":3}}]}`, "spec.endpoints[1].labels"},
		{DestinationRule, `{"trafficPolicy":{"tls":[]}}`, "spec.trafficPolicy.tls: "},
		{Sidecar, `{"workloadSelector":true}`, "spec.workloadSelector: "},
		{Sidecar, `"hello"`, "spec: "},
		{Service, `{"clusterIPs":"None"}`, "spec: "},
	} {
		_, err := Decode(test.kind, []byte(`{"metadata":{"name":"n","namespace":"ns"},"spec":`+test.spec+`}`))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v; want %q in it", test.spec, err, test.want)
		}
	}
}
