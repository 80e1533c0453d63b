package webhook

import (
	"context"
	"fmt"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// federationLoader puts the stored Federation in force, on every replica. One
// that is not valid never replaces the last good one.
type federationLoader struct {
	cache         cache.Cache
	configuration *Configuration
	changed       func() // is told when another configuration is in force
	metrics       *Metrics
	log           logr.Logger

	// seen is the specification that was looked at last: statuses change more
	// often. Handlers of one informer are called one after the other.
	seen specification
}

// specification tells one stored specification from all others.
type specification struct {
	uid        types.UID
	generation int64
}

// NeedLeaderElection is false: every replica answers requests.
func (l *federationLoader) NeedLeaderElection() bool { return false }

// Start follows the Federation until ctx ends.
func (l *federationLoader) Start(ctx context.Context) error {
	informer, err := l.cache.GetInformer(ctx, &v1alpha1.Federation{})
	if err != nil {
		return fmt.Errorf("cannot watch Federations; is the CRD installed? %w", err)
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    l.stored,
		UpdateFunc: func(_, object any) { l.stored(object) },
		DeleteFunc: l.deleted,
	})
	if err != nil {
		return err
	}
	if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		if l.seen == (specification{}) {
			l.metrics.federationIs(federationAbsent)
		}
		l.configuration.MarkLoaded()
	}
	<-ctx.Done()
	return nil
}

func (l *federationLoader) stored(object any) {
	federation, ok := object.(*v1alpha1.Federation)
	if !ok || federation.Name != v1alpha1.FederationName {
		return
	}
	now := specification{uid: federation.UID, generation: federation.Generation}
	if now == l.seen {
		return
	}
	l.seen = now
	compiled, errs := mesh.Compile(federation.Spec)
	if len(errs) > 0 {
		l.metrics.federationIs(federationInvalid)
		l.log.Error(errs.ToAggregate(), "The Federation is not valid; the last valid one stays in force", "generation", federation.Generation)
		return
	}
	l.metrics.federationIs(federationInForce)
	l.configuration.Set(compiled)
	l.changed()
	l.log.Info("The Federation is in force", "generation", federation.Generation,
		"localMember", federation.Spec.LocalMember, "members", len(federation.Spec.Members))
}

func (l *federationLoader) deleted(object any) {
	if tombstone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	if federation, ok := object.(*v1alpha1.Federation); !ok || federation.Name != v1alpha1.FederationName {
		return
	}
	l.seen = specification{}
	l.metrics.federationIs(federationAbsent)
	l.configuration.Set(mesh.Undeclared())
	l.changed()
	l.log.Info("The Federation is gone; rules only warn and pods are left alone")
}
