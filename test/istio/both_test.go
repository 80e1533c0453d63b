package istio

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/test/installation"
)

// usualFederation is the one that fixtures without one of their own are judged by
// (policies/fixture_test.go).
const usualFederation = `
apiVersion: fedmesh.io/v1alpha1
kind: Federation
metadata: {name: default}
spec:
  localMember: cluster-1
  members:
  - {name: cluster-1, network: network-1, trustDomain: foo.com, gateways: [{address: 34.136.67.85}]}
  - {name: cluster-2, network: network-2, trustDomain: bar.com, gateways: [{address: 34.122.11.2}, {address: gateway.bar.com}]}
`

// unseen labels what no webhook is asked about: objects that were there before.
const unseen = "test.fedmesh.io/unseen"

// testAcceptedByBoth: with fedmesh beside istiod, what a rule lets pass is accepted,
// and with the findings of other rules that the fixture expects. The inventory is
// stored, but for addresses, which are the cluster's own here; their absence takes no
// finding away. Fixtures that say which namespaces or Services there are, or that
// something is deleted, are left to the unit tests. Objects are dry-run.
func testAcceptedByBoth(t *testing.T, c *cluster) {
	c.leaveOut(t, unseen)
	refused := refusals()
	groups, order := map[string][]fixture{}, []string{}
	for _, f := range loadFixtures(t, "pass") {
		if refused[f.name] != "" || f.otherwise {
			continue
		}
		federation := usualFederation
		if f.federation != nil {
			text, err := json.Marshal(f.federation.Object)
			if err != nil {
				t.Fatal(err)
			}
			federation = string(text)
		}
		if groups[federation] == nil {
			order = append(order, federation)
		}
		groups[federation] = append(groups[federation], f)
		c.makeNamespaces(t, append(f.inventory, f.object)...)
	}
	index := &indexSentinel{c: c}
	for _, federation := range order {
		index.suffix = c.declare(t, federation)
		for _, f := range groups[federation] {
			t.Run(f.name, func(t *testing.T) {
				c.storeUnseen(t, f)
				index.catchUp(t)
				want := shown(f.want)
				if err := installation.Poll(t.Context(), "the answer is not what the fixture expects", func(ctx context.Context) error {
					got, err := c.findings(ctx, f.object)
					if err != nil {
						return err
					}
					if diff := cmp.Diff(want, got); diff != "" {
						return fmt.Errorf("findings differ (-want +got):\n%s", diff)
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// shown are those of a fixture's expectations that the one who creates the object
// sees, sorted: what is for the audit log only is not among them, and warnings have
// a greatest length.
func shown(wants []string) []string {
	var lines []string
	for _, want := range wants {
		if text, warned := strings.CutPrefix(want, "Warn "); warned {
			want = "Warn " + policies.Cut(text, policies.MaxWarning)
		}
		if !strings.HasPrefix(want, "Audit ") {
			lines = append(lines, want)
		}
	}
	slices.Sort(lines)
	return lines
}

// findings are what fedmesh says when an object is created, nothing being stored: its
// findings in the form of a fixture's expectations, sorted. It is an error when
// somebody else refuses the object.
func (c *cluster) findings(ctx context.Context, object *unstructured.Unstructured) ([]string, error) {
	c.warnings.take()
	refusal := c.api.Create(ctx, object.DeepCopy(), client.DryRunAll)
	var findings []string
	for _, warning := range c.warnings.take() {
		if strings.HasPrefix(warning, "[FED") {
			findings = append(findings, "Warn "+warning)
		}
	}
	if refusal != nil {
		_, text, found := strings.Cut(refusal.Error(), `admission webhook "mesh.fedmesh.io" denied the request: `)
		if !found {
			return nil, refusal
		}
		for line := range strings.Lines(text) {
			findings = append(findings, "Deny "+strings.TrimSpace(line))
		}
	}
	slices.Sort(findings)
	return findings, nil
}

// storeUnseen stores the inventory of a fixture for the length of a test.
func (c *cluster) storeUnseen(t *testing.T, f fixture) {
	t.Helper()
	for _, object := range f.inventory {
		same := object.GroupVersionKind().GroupKind() == f.object.GroupVersionKind().GroupKind() &&
			client.ObjectKeyFromObject(object) == client.ObjectKeyFromObject(f.object)
		if same || !strings.HasSuffix(object.GroupVersionKind().Group, ".istio.io") {
			continue
		}
		c.createUnseen(t, object)
	}
}

// createUnseen creates an object without asking any webhook, status included, and
// deletes it when the test is over.
func (c *cluster) createUnseen(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	object = object.DeepCopy()
	status, hasStatus := object.Object["status"]
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[unseen] = ""
	object.SetLabels(labels)
	if err := c.api.Create(t.Context(), object); err != nil {
		t.Fatalf("cannot store %s %s/%s: %v", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	t.Cleanup(func() {
		if err := c.api.Delete(context.Background(), object); err != nil {
			t.Error(err)
		}
	})
	if !hasStatus {
		return
	}
	// istiod may have written a status in the meantime. It keeps one that is there
	// (pilot/pkg/controllers/ipallocate/ipallocate.go).
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.api.Status().Patch(t.Context(), object, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatalf("cannot store the status of %s %s/%s: %v", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
}

// leaveOut has no webhook look at mesh objects with a label, and returns when none
// does.
func (c *cluster) leaveOut(t *testing.T, label string) {
	t.Helper()
	var configurations admissionregistrationv1.ValidatingWebhookConfigurationList
	if err := c.api.List(t.Context(), &configurations); err != nil {
		t.Fatal(err)
	}
	without := metav1.LabelSelectorRequirement{Key: label, Operator: metav1.LabelSelectorOpDoesNotExist}
	for _, configuration := range configurations.Items {
		patch := client.MergeFrom(configuration.DeepCopy())
		for n := range configuration.Webhooks {
			selector := &configuration.Webhooks[n].ObjectSelector
			if *selector == nil {
				*selector = &metav1.LabelSelector{}
			}
			(*selector).MatchExpressions = append((*selector).MatchExpressions, without)
		}
		if err := c.api.Patch(t.Context(), &configuration, patch); err != nil {
			t.Fatal(err)
		}
	}
	// Both would refuse it: istiod the endpoint, fedmesh the address.
	bad := object("ServiceEntry", "unseen", map[string]any{
		"hosts": []any{"unseen.sentinel.global"}, "addresses": []any{"224.0.0.1"}, "resolution": "STATIC",
		"ports":     []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
		"endpoints": []any{map[string]any{"address": "not-an-address"}},
	})
	bad.SetLabels(map[string]string{label: ""})
	c.makeNamespaces(t, bad)
	if err := installation.Poll(t.Context(), "webhooks look at what is labelled "+label, func(ctx context.Context) error {
		return c.api.Create(ctx, bad.DeepCopy(), client.DryRunAll)
	}); err != nil {
		t.Fatal(err)
	}
}
