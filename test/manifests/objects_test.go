package manifests

import (
	"errors"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
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
