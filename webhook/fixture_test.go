package webhook

import (
	"crypto/tls"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// setup is a webhook without a server: what the reviewers share.
type setup struct {
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics
	registry      *prometheus.Registry
	api           *apiServer
	now           time.Time
	missing       []string
	unlisted      mesh.Kinds
}

// newSetup returns a setup that is ready, with the federation of two clusters
// declared.
func newSetup(t testing.TB) *setup {
	t.Helper()
	evaluator, err := policies.NewEvaluator(policies.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	s := &setup{evaluator: evaluator, index: mesh.NewIndex(), configuration: NewConfiguration(), registry: prometheus.NewRegistry(),
		api: newAPIServer(), now: time.Now()}
	if s.metrics, err = NewMetrics(s.registry); err != nil {
		t.Fatal(err)
	}
	federation, errs := mesh.Compile(twoClusters())
	if len(errs) > 0 {
		t.Fatal(errs.ToAggregate())
	}
	s.configuration.Set(federation)
	s.configuration.MarkLoaded()
	s.readiness = &Readiness{
		missing:     func() []string { return s.missing },
		unlisted:    func() mesh.Kinds { return s.unlisted },
		loaded:      s.configuration.Loaded,
		certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil },
		verify:      func(*tls.Certificate) error { return nil },
		log:         logr.Discard(),
	}
	return s
}

func (s *setup) mesh() *endpoint {
	return &endpoint{log: logr.Discard(), large: make(chan struct{}, maxLargeBodies), reviewer: &objects{
		evaluator: s.evaluator, configuration: s.configuration,
		readiness: s.readiness, metrics: s.metrics, log: logr.Discard(),
		uniqueness: &uniqueness{
			evaluator: s.evaluator, index: s.index, objects: live{s.api}, metrics: s.metrics,
			claims: claims.NewAdmission(s.api, live{s.api}, func() time.Time { return s.now }),
		},
	}}
}

// optional is mesh for requests that must not wait.
func (s *setup) optional() *endpoint {
	endpoint := s.mesh()
	endpoint.reviewer.(*objects).optional = true
	return endpoint
}

func (s *setup) pods() *endpoint {
	return &endpoint{log: logr.Discard(), large: make(chan struct{}, maxLargeBodies), reviewer: &pods{
		evaluator: s.evaluator, index: s.index, configuration: s.configuration, readiness: s.readiness, metrics: s.metrics,
	}}
}

func (s *setup) finishedPods() *endpoint {
	return &endpoint{log: logr.Discard(), large: make(chan struct{}, maxLargeBodies), reviewer: &finishedPods{
		evaluator: s.evaluator, index: s.index, configuration: s.configuration, readiness: s.readiness, metrics: s.metrics, log: logr.Discard(),
	}}
}

func (s *setup) federations() *endpoint {
	return &endpoint{log: logr.Discard(), large: make(chan struct{}, maxLargeBodies), reviewer: &federations{evaluator: s.evaluator, index: s.index, readiness: s.readiness}}
}

// put stores an object, in YAML, and adds it to the index.
func (s *setup) put(t *testing.T, kind mesh.Kind, text string) {
	t.Helper()
	s.index.Put(mesh.NewRecord(s.store(t, kind, text)))
}

// store stores an object that the index does not know of yet.
func (s *setup) store(t *testing.T, kind mesh.Kind, text string) *mesh.Object {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	object, err := mesh.Decode(kind, data)
	if err != nil {
		t.Fatal(err)
	}
	s.api.objects[object.Ref] = object
	return object
}

func twoClusters() v1alpha1.FederationSpec {
	return v1alpha1.FederationSpec{
		LocalMember: "cluster-1",
		Members: []v1alpha1.Member{
			{Name: "cluster-1", Network: "network-1", TrustDomain: "foo.com"},
			{Name: "cluster-2", Network: "network-2", TrustDomain: "bar.com"},
		},
	}
}

// review is an AdmissionReview of an operation on objects in YAML. Old may be
// empty.
func review(t testing.TB, group, kind string, operation admissionv1.Operation, object, old string) string {
	t.Helper()
	request := &admissionv1.AdmissionRequest{
		UID:       "42",
		Kind:      metav1.GroupVersionKind{Group: group, Version: "v1", Kind: kind},
		Namespace: "foo",
		Name:      "some",
		Operation: operation,
	}
	for _, part := range []struct {
		text string
		into *runtime.RawExtension
	}{{object, &request.Object}, {old, &request.OldObject}} {
		if part.text == "" {
			continue
		}
		data, err := yaml.YAMLToJSON([]byte(part.text))
		if err != nil {
			t.Fatal(err)
		}
		part.into.Raw = data
	}
	data, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  request,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
