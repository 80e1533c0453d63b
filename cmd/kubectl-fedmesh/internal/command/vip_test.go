package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const rivals = "../../../../test/playground/manifests/rivals"

func TestVIP(t *testing.T) {
	const (
		service = "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: foo}, spec: {clusterIP: 240.0.0.9, clusterIPs: [240.0.0.9]}}"
		full    = `apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: a
  members: [{name: a, network: a, trustDomain: a}]
  vips: {cidrs: [240.0.0.0/31, 240.0.1.0/31], reserved: [240.0.0.1/32, 240.0.1.1/32]}
`
	)
	for name, test := range map[string]struct {
		args           []string
		stdin          string
		want           int
		stdout, stderr string
	}{
		"list": {[]string{"list", federation, accepted}, "", ExitClean, `ADDRESS    HOSTS               OBJECT                        FROM      CONFLICT
240.0.0.2  httpbin.bar.global  ServiceEntry foo/httpbin-bar  declared  -
`, ""},
		"list all": {[]string{"list", "--all", federation, accepted, "-"}, service, ExitClean, `ADDRESS    HOSTS               OBJECT                        FROM      CONFLICT
240.0.0.2  httpbin.bar.global  ServiceEntry foo/httpbin-bar  declared  -
240.0.0.9  -                   Service foo/web               service   -
`, ""},
		"list of two clusters": {[]string{"list", "--cluster=a=" + federation, "--cluster=a=" + accepted, "--cluster=b=" + accepted}, "", ExitClean,
			`ADDRESS    HOSTS               OBJECT                        CLUSTER  FROM      CONFLICT
240.0.0.2  httpbin.bar.global  ServiceEntry foo/httpbin-bar  a        declared  -
240.0.0.2  httpbin.bar.global  ServiceEntry foo/httpbin-bar  b        declared  -
`, "there is no Federation among the objects of cluster b: hosts that end in .global are taken for federated ones\n"},
		"list, unreadable": {[]string{"list", federation, accepted, "-"}, "a: [", ExitUnreadable, `ADDRESS    HOSTS               OBJECT                        FROM      CONFLICT
240.0.0.2  httpbin.bar.global  ServiceEntry foo/httpbin-bar  declared  -
`, "-:1: this is no YAML: did not find expected node content\n"},
		"list of conflicts": {[]string{"list", federation, rivals + "/one.yaml", rivals + "/two.yaml"}, "", ExitClean,
			`ADDRESS     HOSTS           OBJECT                      FROM      CONFLICT
240.0.0.77  one.bar.global  ServiceEntry foo/rival-one  declared  with ServiceEntry foo/rival-two
240.0.0.77  two.bar.global  ServiceEntry foo/rival-two  declared  with ServiceEntry foo/rival-one
`, ""},
		"list as JSON": {[]string{"list", "--output=json", federation, rivals + "/one.yaml"}, "", ExitClean, `{
  "addresses": [
    {
      "address": "240.0.0.77",
      "hosts": [
        "one.bar.global"
      ],
      "cluster": "",
      "object": {
        "group": "networking.istio.io",
        "kind": "ServiceEntry",
        "namespace": "foo",
        "name": "rival-one"
      },
      "source": "declared",
      "conflicts": []
    }
  ]
}
`, ""},
		"list of a Service as JSON": {[]string{"list", "--all", "--output=json", federation, "-"}, service, ExitClean, `{
  "addresses": [
    {
      "address": "240.0.0.9",
      "hosts": [],
      "cluster": "",
      "object": {
        "group": "",
        "kind": "Service",
        "namespace": "foo",
        "name": "web"
      },
      "source": "service",
      "conflicts": []
    }
  ]
}
`, ""},
		"list of nothing as JSON": {[]string{"list", "--output=json", federation}, "", ExitClean, "{\n  \"addresses\": []\n}\n", ""},
		"list, wrong output":      {[]string{"list", "--output=yaml", federation}, "", ExitUnreadable, "", "kubectl fedmesh: --output=yaml: want table, json\n"},
		"list without a path": {[]string{"list"}, "", ExitUnreadable, "",
			"kubectl fedmesh: nothing to look at: name files, directories or - for standard input, --cluster NAME=PATH or --context NAME\n"},
		"next":             {[]string{"next", federation, accepted}, "", ExitClean, "240.0.0.1\n", ""},
		"next ones":        {[]string{"next", "-n", "3", federation, accepted}, "", ExitClean, "240.0.0.1\n240.0.0.3\n240.0.0.4\n", ""},
		"next for a host":  {[]string{"next", "--host=reviews.bar.global", federation, accepted}, "", ExitClean, "249.233.250.108\n", ""},
		"next, it has one": {[]string{"next", "--host=httpbin.bar.global", federation, accepted}, "", ExitClean, "240.0.0.2\n", "httpbin.bar.global has an address already, in ServiceEntry foo/httpbin-bar\n"},
		"next, it cannot keep it": {[]string{"next", "--host=reviews.bar.global", federation, refused}, "", ExitClean, "249.233.250.108\n",
			"reviews.bar.global has an address that it cannot keep: 224.0.0.5 is a multicast address, by which no client reaches the host\n"},
		"next, full": {[]string{"next", "-"}, full, ExitUnreadable, "",
			"kubectl fedmesh: no address of vips.cidrs is free: 240.0.0.0/31, 240.0.1.0/31: all are taken, reserved or of no use; add a range\n"},
		"next, fewer":      {[]string{"next", "-n", "2", "-"}, strings.Replace(full, ", 240.0.1.1/32", "", 1), ExitClean, "240.0.1.1\n", "only 1 of 2 addresses are free\n"},
		"next, unreadable": {[]string{"next", federation, "-"}, "a: [", ExitUnreadable, "", "-:1: this is no YAML: did not find expected node content\n"},
		"next, no Federation": {[]string{"next", accepted}, "", ExitUnreadable, "",
			"kubectl fedmesh: there is no Federation among the objects, whose vips.cidrs addresses are taken from: name its file too\n"},
		"next of two clusters": {[]string{"next", "--cluster=a=" + federation, "--cluster=b=" + federation}, "", ExitUnreadable, "",
			"kubectl fedmesh: got 2 clusters, want one: each comes to the same address for a host while it is free there\n"},
		"next, none": {[]string{"next", "--count=0", federation}, "", ExitUnreadable, "", "kubectl fedmesh: --count=0: want 1 or more\n"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := run(test.stdin, append([]string{"vip"}, test.args...)...)
			if code != test.want || stderr != test.stderr {
				t.Errorf("got exit code %d, standard error %q; want %d, %q", code, stderr, test.want, test.stderr)
			}
			if diff := cmp.Diff(test.stdout, stdout); diff != "" {
				t.Errorf("the output differs (-want +got):\n%s", diff)
			}
		})
	}
}
