package webhook

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	controllerwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/certs"
	"fedmesh.io/fedmesh/webhook/claims"
	"fedmesh.io/fedmesh/webhook/feed"
)

// The paths that the webhooks are served on.
const (
	PathPods         = "/pods"
	PathFinishedPods = "/finished-pods"
	PathMesh         = "/mesh"
	PathFederations  = "/federations"
)

// finishTimeout is how long requests that were taken on may go on when the
// server stops: as long as the API server's own handlers of writes
// (k8s.io/apiserver pkg/endpoints/handlers/rest.go, 34 s) and a little more.
const finishTimeout = 40 * time.Second

// Options are what a Server needs to know. All are required unless their comment
// says otherwise.
type Options struct {
	// Config says how to reach the API server.
	Config *rest.Config
	// Namespace is fedmesh's own.
	Namespace string
	// BindAddress and Port are where the webhooks are served; an empty address
	// is every one of the host.
	BindAddress string
	Port        int
	// HealthAddress and MetricsAddress are host:port; "0" serves none.
	HealthAddress, MetricsAddress string
	// CertificateDirectory holds tls.crt and tls.key. Empty, fedmesh keeps an
	// authority of its own.
	CertificateDirectory string
	// DNSNames are for the certificate of a self-managed authority.
	DNSNames []string
	// DrainPeriod is how long the webhook goes on serving after it has said that
	// it is not ready any more.
	DrainPeriod time.Duration
	// Log is where it logs to.
	Log logr.Logger
}

// Server is a webhook server that is ready to run.
type Server struct {
	manager   manager.Manager
	readiness *Readiness
	drain     time.Duration
	log       logr.Logger
}

// NewServer puts a Server together.
func NewServer(options Options) (*Server, error) {
	trust := certs.NewTrust()
	source, err := certificateSource(options, trust)
	if err != nil {
		return nil, fmt.Errorf("cannot get a serving certificate: %w", err)
	}
	mgr, err := newManager(options, source)
	if err != nil {
		return nil, err
	}
	evaluator, err := policies.NewEvaluator(policies.Catalogue())
	if err != nil {
		return nil, err
	}
	ownMetrics, err := NewMetrics(metrics.Registry)
	if err != nil {
		return nil, err
	}
	index, configuration := mesh.NewIndex(), NewConfiguration()
	api, err := client.New(options.Config, client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, err
	}
	reader, err := feed.NewReader(options.Config, mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	var readiness *Readiness
	keeper, err := claims.NewController(claims.Options{
		Config: options.Config, HTTPClient: mgr.GetHTTPClient(), Client: api, Objects: reader,
		Namespace: options.Namespace, Identity: identity(),
		Index: index, Federation: configuration.Current, Ready: func() bool { return readiness.Unknown() == "" },
		Reporter: &claimReporter{
			evaluator: evaluator, index: index, configuration: configuration,
			events: mgr.GetEventRecorder("fedmesh"), log: options.Log.WithName("audit"),
		},
		Log: options.Log.WithName("claims"),
	})
	if err != nil {
		return nil, err
	}
	if err := ownMetrics.watchClaims(keeper.Leading, keeper.Conflicts); err != nil {
		return nil, err
	}
	// One pending wake-up is as good as many.
	wake := make(chan event.GenericEvent, 1)
	indexFeed, err := feed.New(options.Config, mgr.GetHTTPClient(), index, options.Log.WithName("feed"), func(change feed.Change) {
		wakeStatus(wake, change.Ref)
		keeper.Changed(change)
	})
	if err != nil {
		return nil, err
	}
	readiness = &Readiness{
		missing: indexFeed.Missing, loaded: configuration.Loaded,
		certificate: source.GetCertificate, verify: trust.Verify,
		log: options.Log.WithName("readiness"),
	}
	unique := &uniqueness{
		evaluator: evaluator, index: index, objects: reader,
		claims:  claims.NewAdmission(claims.NewStore(api, options.Namespace), reader, time.Now),
		metrics: ownMetrics,
	}
	log := options.Log.WithName("admission")
	large := make(chan struct{}, maxLargeBodies)
	for path, handler := range map[string]reviewer{
		PathPods:         &pods{evaluator: evaluator, index: index, configuration: configuration, readiness: readiness, metrics: ownMetrics},
		PathFinishedPods: &finishedPods{evaluator: evaluator, index: index, configuration: configuration, readiness: readiness, metrics: ownMetrics, log: log},
		PathMesh:         &objects{evaluator: evaluator, uniqueness: unique, configuration: configuration, readiness: readiness, metrics: ownMetrics, log: log},
		PathFederations:  &federations{evaluator: evaluator, index: index, readiness: readiness},
	} {
		mgr.GetWebhookServer().Register(path, &endpoint{reviewer: handler, log: log, large: large})
	}
	for _, runnable := range []manager.Runnable{
		source,
		indexFeed,
		keeper,
		&federationLoader{cache: mgr.GetCache(), configuration: configuration, changed: keeper.Sweep, metrics: ownMetrics, log: options.Log.WithName("federation")},
		replicated(func(ctx context.Context) error { return trust.Watch(ctx, mgr.GetCache()) }),
		replicated(func(ctx context.Context) error { return refuseSecond(ctx, api, options.Namespace, options.Log) }),
	} {
		if err := mgr.Add(runnable); err != nil {
			return nil, err
		}
	}
	status := &federationStatus{
		client: mgr.GetClient(), index: index, synced: indexFeed.HasSynced,
		events: mgr.GetEventRecorder("fedmesh"), changed: wake,
	}
	if err := status.setUp(mgr); err != nil {
		return nil, err
	}
	if options.CertificateDirectory == "" {
		if err := certs.NewInjector(mgr.GetClient(), options.Namespace, options.Log.WithName("ca-injector")).SetUp(mgr); err != nil {
			return nil, err
		}
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	if err := mgr.AddReadyzCheck("webhook", readiness.Check); err != nil {
		return nil, err
	}
	return &Server{manager: mgr, readiness: readiness, drain: options.DrainPeriod, log: options.Log}, nil
}

// Run serves until ctx ends. Then it says that it is not ready, goes on serving
// while endpoints leave it out, and finishes what it has taken on.
func (s *Server) Run(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() {
		select {
		case <-running.Done():
			return
		case <-ctx.Done():
		}
		s.readiness.Drain()
		s.log.Info("Draining", "period", s.drain.String())
		select {
		case <-running.Done():
		case <-time.After(s.drain):
		}
		stop()
	}()
	return s.manager.Start(running)
}

// certificateSource is where the serving certificate comes from.
func certificateSource(options Options, trust *certs.Trust) (certs.Source, error) {
	if options.CertificateDirectory != "" {
		return certs.FromFiles(options.CertificateDirectory)
	}
	return certs.SelfManaged(options.Config, options.Namespace, options.DNSNames, trust.Verify, options.Log.WithName("certificate")), nil
}

// newManager returns a manager that watches no more than fedmesh may read.
func newManager(options Options, source certs.Source) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	// Only what is watched or written: all of Kubernetes' kinds cost memory for nothing.
	for _, add := range []func(*runtime.Scheme) error{
		admissionregistrationv1.AddToScheme, coordinationv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, v1alpha1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	mapper, err := restMapper(scheme)
	if err != nil {
		return nil, err
	}
	named := func(name string) cache.ByObject {
		return cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", name)}
	}
	secret := named(certs.SecretName)
	secret.Namespaces = map[string]cache.Config{options.Namespace: {}}
	finish := finishTimeout
	return ctrl.NewManager(options.Config, ctrl.Options{
		Scheme: scheme,
		Logger: options.Log,
		// No question to the API server is needed to start: while it is away,
		// everything waits for it.
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return mapper, nil },
		Controller:     config.Controller{CacheSyncTimeout: math.MaxInt64},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&admissionregistrationv1.ValidatingWebhookConfiguration{}: named(certs.ConfigurationName),
				&admissionregistrationv1.MutatingWebhookConfiguration{}:   named(certs.ConfigurationName),
				&corev1.Secret{}: secret,
			},
		},
		Metrics:                 metricsserver.Options{BindAddress: options.MetricsAddress},
		HealthProbeBindAddress:  options.HealthAddress,
		GracefulShutdownTimeout: &finish,
		WebhookServer: controllerwebhook.NewServer(controllerwebhook.Options{
			Host: options.BindAddress,
			Port: options.Port,
			TLSOpts: []func(*tls.Config){func(serving *tls.Config) {
				serving.GetCertificate = source.GetCertificate
			}},
		}),
	})
}

// restMapper maps the kinds that are watched or written to resources.
func restMapper(scheme *runtime.Scheme) (meta.RESTMapper, error) {
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []struct {
		object runtime.Object
		scope  meta.RESTScope
	}{
		{&v1alpha1.Federation{}, meta.RESTScopeRoot},
		{&admissionregistrationv1.ValidatingWebhookConfiguration{}, meta.RESTScopeRoot},
		{&admissionregistrationv1.MutatingWebhookConfiguration{}, meta.RESTScopeRoot},
		{&corev1.Secret{}, meta.RESTScopeNamespace},
		{&coordinationv1.Lease{}, meta.RESTScopeNamespace},
		{&networkingv1.IPAddress{}, meta.RESTScopeRoot},
	} {
		groupVersionKind, err := apiutil.GVKForObject(kind.object, scheme)
		if err != nil {
			return nil, err
		}
		mapper.Add(groupVersionKind, kind.scope)
	}
	return mapper, nil
}

// identity names this process among the replicas.
func identity() string {
	host, err := os.Hostname()
	if err != nil {
		host = "fedmesh"
	}
	return host + "_" + string(uuid.NewUUID())
}

// wakeStatus has the Federation's conditions looked at again when something
// changed that they speak of.
func wakeStatus(wake chan<- event.GenericEvent, ref mesh.Ref) {
	if ref.Kind != mesh.Namespace {
		return
	}
	select {
	case wake <- event.GenericEvent{Object: &v1alpha1.Federation{}}:
	default:
	}
}

// replicated is a runnable that every replica runs.
type replicated func(context.Context) error

// Start runs it.
func (r replicated) Start(ctx context.Context) error { return r(ctx) }

// NeedLeaderElection is false.
func (r replicated) NeedLeaderElection() bool { return false }
