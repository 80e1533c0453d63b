//go:build linux

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// review is a request as the API server makes it, and what fedmesh has to say.
type review struct {
	kind   string
	path   string // of the webhook
	body   []byte
	expect func(*admissionv1.AdmissionResponse) error
}

// requestUID is that of every request: an answer must name it.
const requestUID = "705ab4f5-6393-11e8-b7cc-42010a800002"

// readReviews returns the scenarios: a ServiceEntry that breaks no rule and whose
// endpoint changes, and the creation of a pod that all there is to patch is
// patched in. The creation of a ServiceEntry asks the API server, which is what
// BenchmarkClaim is for.
func readReviews(b *testing.B) []review {
	b.Helper()
	return []review{
		{
			kind:   "ServiceEntry",
			path:   "/mesh",
			body:   updated(b, reviewOf(b, "serviceentry.yaml", "serviceentries", "kubectl-client-side-apply", administrator())),
			expect: expectAllowed,
		},
		{
			kind:   "Pod",
			path:   "/pods",
			body:   reviewOf(b, "pod.yaml", "pods", "kube-controller-manager", replicaSetController()),
			expect: expectPatch,
		},
	}
}

// reviewOf makes the AdmissionReview of the creation of an object of testdata.
func reviewOf(b *testing.B, file, resource, manager string, user authenticationv1.UserInfo) []byte {
	b.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		b.Fatal(err)
	}
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		b.Fatalf("%s: %v", file, err)
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &object); err != nil {
		b.Fatalf("%s: %v", file, err)
	}
	gvk := object.GroupVersionKind()
	kind := metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}
	of := metav1.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: resource}
	dryRun := false
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: requestUID, Operation: admissionv1.Create, UserInfo: user, DryRun: &dryRun,
			Kind: kind, RequestKind: &kind, Resource: of, RequestResource: &of,
			Namespace: object.Namespace, Name: object.Name,
			Object: runtime.RawExtension{Raw: raw},
			Options: runtime.RawExtension{Raw: fmt.Appendf(nil,
				`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":%q,"fieldValidation":"Strict"}`, manager)},
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	return body
}

// updated makes the creation of an object its update: the endpoint was another
// one.
func updated(b *testing.B, body []byte) []byte {
	b.Helper()
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		b.Fatal(err)
	}
	request := review.Request
	request.Operation = admissionv1.Update
	request.OldObject.Raw = bytes.ReplaceAll(request.Object.Raw, []byte("34.122.11.2"), []byte("34.122.11.3"))
	if bytes.Equal(request.OldObject.Raw, request.Object.Raw) {
		b.Fatal("the object has no endpoint 34.122.11.2; want one to change")
	}
	body, err := json.Marshal(review)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func administrator() authenticationv1.UserInfo {
	return authenticationv1.UserInfo{
		Username: "oidc:jane.doe@example.com",
		Groups:   []string{"oidc:platform", "oidc:payments", "system:authenticated"},
		Extra:    map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=7ee52be0-9045-4653-aa5e-0da57b8dccdc"}},
	}
}

func replicaSetController() authenticationv1.UserInfo {
	return authenticationv1.UserInfo{
		Username: "system:serviceaccount:kube-system:replicaset-controller",
		UID:      "5a1c64a1-5f3c-4f9a-8c43-5a0c7f5a3a10",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"},
		Extra:    map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=2f0d1a3c-8a44-4be1-9c8e-5ab1f1d4c0b2"}},
	}
}

// expectAllowed wants a request allowed without a word.
func expectAllowed(response *admissionv1.AdmissionResponse) error {
	if !response.Allowed || len(response.Warnings) > 0 || len(response.Patch) > 0 {
		return errors.New("want it allowed, without warnings and patch")
	}
	return nil
}

// expectPatch wants a pod allowed with a patch of all that the sample Federation
// asks for.
func expectPatch(response *admissionv1.AdmissionResponse) error {
	if !response.Allowed || len(response.Warnings) > 0 {
		return errors.New("want it allowed, without warnings")
	}
	for _, want := range []string{"csi.spiffe.io", "ISTIO_META_DNS_CAPTURE", "topology.istio.io~1network", "spiffe.io~1spire-managed-identity"} {
		if !strings.Contains(string(response.Patch), want) {
			return fmt.Errorf("want %s in the patch, which is %s", want, response.Patch)
		}
	}
	return nil
}
