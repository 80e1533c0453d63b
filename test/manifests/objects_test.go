package manifests

import (
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// newPod is a pod that is admitted in any namespace.
func newPod(namespace, name string) *corev1.Pod {
	no, yes := false, true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   &yes,
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:  "app",
				Image: "app",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}

// newIPAddress is one with a label that says whose it is. A ServiceEntry has it; the
// API server does not ask whether there is one.
func newIPAddress(address, managedBy string) *networkingv1.IPAddress {
	object := &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: address},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{
			Group: "networking.istio.io", Resource: "serviceentries", Namespace: "default", Name: "entry",
		}},
	}
	if managedBy != "" {
		object.Labels = map[string]string{networkingv1.LabelManagedBy: managedBy}
	}
	return object
}

// newMeshObjects are one object of each kind that fedmesh has rules for,
// the ServiceEntry first.
func newMeshObjects(name string) []*unstructured.Unstructured {
	specs := []struct {
		kind string
		spec map[string]any
	}{
		{"ServiceEntry", map[string]any{
			"hosts": []any{"a.b.global"}, "location": "MESH_INTERNAL", "resolution": "STATIC",
			"ports": []any{map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}},
		}},
		{"DestinationRule", map[string]any{"host": "a.b.global"}},
		{"Sidecar", map[string]any{"egress": []any{map[string]any{"hosts": []any{"./*"}}}}},
		{"Gateway", map[string]any{"selector": map[string]any{"istio": "eastwestgateway"}}},
	}
	var objects []*unstructured.Unstructured
	for _, s := range specs {
		object := &unstructured.Unstructured{Object: map[string]any{"spec": s.spec}}
		object.SetAPIVersion("networking.istio.io/v1")
		object.SetKind(s.kind)
		object.SetNamespace("default")
		object.SetName(name)
		objects = append(objects, object)
	}
	return objects
}

func parse(t *testing.T, documents string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(documents), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}
