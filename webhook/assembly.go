package webhook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/certs"
	"fedmesh.io/fedmesh/webhook/claims"
	"fedmesh.io/fedmesh/webhook/feed"
)

// assembly is a server that is being put together: its parts, in the order in which
// they need each other.
type assembly struct {
	options Options
	trust   *certs.Trust
	source  certs.Source
	manager manager.Manager
	api     client.Client
	reader  *feed.Reader

	// What requests are answered from.
	evaluator     *policies.Evaluator
	index         *mesh.Index
	configuration *Configuration
	readiness     *Readiness
	metrics       *Metrics

	feed   *feed.Feed
	keeper *claims.Controller
	// wake has one pending wake-up, which is as good as many.
	wake chan event.GenericEvent
}

// newAssembly makes the parts that need no other.
func newAssembly(options Options) (*assembly, error) {
	a := &assembly{
		options: options, trust: certs.NewTrust(),
		index: mesh.NewIndex(), configuration: NewConfiguration(),
		wake: make(chan event.GenericEvent, 1),
	}
	var err error
	if a.source, err = certificateSource(options, a.trust); err != nil {
		return nil, fmt.Errorf("cannot get a serving certificate: %w", err)
	}
	if a.manager, err = newManager(options, a.source); err != nil {
		return nil, err
	}
	if a.evaluator, err = policies.NewEvaluator(policies.Catalogue()); err != nil {
		return nil, err
	}
	if a.metrics, err = NewMetrics(metrics.Registry); err != nil {
		return nil, err
	}
	if err = metrics.Registry.Register(&exemptionCollector{index: a.index, now: time.Now}); err != nil {
		return nil, err
	}
	a.api, err = client.New(options.Config, client.Options{
		HTTPClient: a.manager.GetHTTPClient(), Scheme: a.manager.GetScheme(), Mapper: a.manager.GetRESTMapper(),
	})
	if err != nil {
		return nil, err
	}
	a.reader, err = feed.NewReader(options.Config, a.manager.GetHTTPClient())
	return a, err
}

// watchMesh makes what keeps the index, and what says when it may be relied on.
func (a *assembly) watchMesh() (err error) {
	a.feed, err = feed.New(a.options.Config, a.manager.GetHTTPClient(), a.index, a.options.Log.WithName("feed"), func(change feed.Change) {
		wakeStatus(a.wake, change.Ref)
		a.keeper.Changed(change)
	})
	if err != nil {
		return err
	}
	a.readiness = &Readiness{
		missing: a.feed.Missing, unlisted: a.feed.Unlisted, loaded: a.configuration.Loaded,
		certificate: a.source.GetCertificate, verify: a.trust.Verify,
		log: a.options.Log.WithName("readiness"),
	}
	return nil
}

// keepClaims makes the controller of claims.
func (a *assembly) keepClaims() (err error) {
	a.keeper, err = claims.NewController(claims.Options{
		Config: a.options.Config, HTTPClient: a.manager.GetHTTPClient(), Client: a.api, Objects: a.reader,
		Namespace: a.options.Namespace, Identity: identity(),
		Index: a.index, Federation: a.configuration.Current, Ready: func() bool { return a.readiness.Unknown() == "" },
		Reporter: &claimReporter{
			evaluator: a.evaluator, index: a.index, configuration: a.configuration,
			events: a.manager.GetEventRecorder("fedmesh"), log: a.options.Log.WithName("audit"),
		},
		Log: a.options.Log.WithName("claims"),
	})
	if err != nil {
		return err
	}
	return a.metrics.watchClaims(a.keeper.Leading, a.keeper.Conflicts)
}

// serveWebhooks registers who answers on which path.
func (a *assembly) serveWebhooks() error {
	log := a.options.Log.WithName("admission")
	unique := &uniqueness{
		evaluator: a.evaluator, index: a.index, objects: a.reader,
		claims:  claims.NewAdmission(claims.NewStore(a.api, a.options.Namespace), a.reader, time.Now),
		metrics: a.metrics,
	}
	mandatory := objects{
		evaluator: a.evaluator, uniqueness: unique, configuration: a.configuration, readiness: a.readiness, metrics: a.metrics, log: log,
	}
	optional := mandatory
	optional.optional = true
	large := make(chan struct{}, maxLargeBodies)
	for path, handler := range map[string]reviewer{
		PathPods: &pods{
			evaluator: a.evaluator, index: a.index, configuration: a.configuration, readiness: a.readiness, metrics: a.metrics,
		},
		PathFinishedPods: &finishedPods{
			evaluator: a.evaluator, index: a.index, configuration: a.configuration, readiness: a.readiness, metrics: a.metrics, log: log,
		},
		PathMesh:        &mandatory,
		PathOptional:    &optional,
		PathFederations: &federations{evaluator: a.evaluator, index: a.index, readiness: a.readiness},
		PathExemptions:  &exemptions{evaluator: a.evaluator, now: time.Now},
	} {
		a.manager.GetWebhookServer().Register(path, &endpoint{reviewer: handler, log: log, large: large})
	}
	return nil
}

// addRunnables hands the manager what runs as long as the server does.
func (a *assembly) addRunnables() error {
	for _, runnable := range []manager.Runnable{
		a.source,
		a.feed,
		a.keeper,
		&federationLoader{
			cache: a.manager.GetCache(), configuration: a.configuration, changed: a.keeper.Sweep,
			metrics: a.metrics, log: a.options.Log.WithName("federation"),
		},
		replicated(func(ctx context.Context) error { return a.trust.Watch(ctx, a.manager.GetCache()) }),
		replicated(func(ctx context.Context) error { return refuseSecond(ctx, a.api, a.options.Namespace, a.options.Log) }),
	} {
		if err := a.manager.Add(runnable); err != nil {
			return err
		}
	}
	return nil
}

// reconcile hands the manager the controllers of the Federation's status and, where
// fedmesh keeps its own authority, of the caBundles.
func (a *assembly) reconcile() error {
	status := &federationStatus{
		client: a.manager.GetClient(), index: a.index, synced: a.feed.HasSynced,
		events: a.manager.GetEventRecorder("fedmesh"), changed: a.wake,
	}
	if err := status.setUp(a.manager); err != nil {
		return err
	}
	if a.options.CertificateDirectory != "" {
		return nil
	}
	return certs.NewInjector(a.manager.GetClient(), a.options.Namespace, a.options.Log.WithName("ca-injector")).SetUp(a.manager)
}

// addChecks has the kubelet's probes answered.
func (a *assembly) addChecks() error {
	return errors.Join(
		a.manager.AddHealthzCheck("ping", healthz.Ping),
		a.manager.AddReadyzCheck("webhook", a.readiness.Check),
	)
}

// certificateSource is where the serving certificate comes from.
func certificateSource(options Options, trust *certs.Trust) (certs.Source, error) {
	if options.CertificateDirectory != "" {
		return certs.FromFiles(options.CertificateDirectory)
	}
	return certs.SelfManaged(options.Config, options.Namespace, options.DNSNames, trust.Verify, options.Log.WithName("certificate")), nil
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
