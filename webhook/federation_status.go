package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"fedmesh.io/fedmesh/policies"
	"fedmesh.io/fedmesh/policies/api/v1alpha1"
	"fedmesh.io/fedmesh/policies/mesh"
)

// federationStatus says in the Federation's conditions what became of it. Every
// replica runs it and comes to the same conditions; what says the same in other
// words is not written again. Replicas of two versions may really differ: so none
// writes more often than every statusPause.
type federationStatus struct {
	client  client.Client
	index   *mesh.Index
	synced  func() bool
	events  events.EventRecorder
	changed <-chan event.GenericEvent // a namespace

	// written is when this replica wrote last. There is one worker.
	written time.Time
}

// statusPause is the least time between two writes of one replica.
const statusPause = 5 * time.Second

// maxNote is the length of an Event's note, in bytes (events.k8s.io/v1).
const maxNote = 1024

// setUp has manager run the controller.
func (s *federationStatus) setUp(manager ctrl.Manager) error {
	replicated := false
	always := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: v1alpha1.FederationName}}}
	})
	return ctrl.NewControllerManagedBy(manager).
		Named("federation-status").
		For(&v1alpha1.Federation{}).
		WatchesRawSource(source.Channel(s.changed, always)).
		WithOptions(controller.Options{NeedLeaderElection: &replicated}).
		Complete(s)
}

// Reconcile writes the conditions.
func (s *federationStatus) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	var federation v1alpha1.Federation
	if err := s.client.Get(ctx, request.NamespacedName, &federation); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if federation.Name != v1alpha1.FederationName {
		return reconcile.Result{}, nil
	}
	if !s.synced() {
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	before := federation.DeepCopy()
	compiled, errs := mesh.Compile(federation.Spec)
	federation.Status.ObservedGeneration = federation.Generation
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, ObservedGeneration: federation.Generation}
	if len(errs) > 0 {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, "Invalid", errs.ToAggregate().Error()
		meta.RemoveStatusCondition(&federation.Status.Conditions, v1alpha1.ConditionNetworkLabelled)
	} else {
		ready.Status, ready.Reason = metav1.ConditionTrue, "InForce"
		ready.Message = fmt.Sprintf("this cluster is %s of %d members", compiled.Spec.LocalMember, len(compiled.Spec.Members))
		meta.SetStatusCondition(&federation.Status.Conditions, s.networkLabelled(compiled, federation.Generation))
	}
	meta.SetStatusCondition(&federation.Status.Conditions, ready)
	if saysTheSame(before.Status, federation.Status) {
		return reconcile.Result{}, nil
	}
	if pause := statusPause - time.Since(s.written); pause > 0 {
		return reconcile.Result{RequeueAfter: pause}, nil
	}
	s.written = time.Now()
	if err := s.client.Status().Patch(ctx, &federation, client.MergeFrom(before)); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if len(errs) > 0 {
		s.events.Eventf(&federation, nil, corev1.EventTypeWarning, "Invalid", "Validate", "%s", policies.Cut(ready.Message, maxNote))
	}
	return reconcile.Result{}, nil
}

// saysTheSame compares two statuses but for the words and times of conditions.
func saysTheSame(a, b v1alpha1.FederationStatus) bool {
	return a.ObservedGeneration == b.ObservedGeneration &&
		slices.EqualFunc(a.Conditions, b.Conditions, func(a, b metav1.Condition) bool {
			return a.Type == b.Type && a.Status == b.Status && a.Reason == b.Reason && a.ObservedGeneration == b.ObservedGeneration
		})
}

// networkLabelled says whether pods get the network label, and why not. In a
// mesh that does not know its network labelled pods would be replaced by the
// gateway for every client without a label, so that Auto asks for both.
func (s *federationStatus) networkLabelled(federation *mesh.Federation, generation int64) metav1.Condition {
	condition := metav1.Condition{Type: v1alpha1.ConditionNetworkLabelled, ObservedGeneration: generation}
	root := federation.Spec.RootNamespace
	actual, labelled := s.index.NamespaceLabels(root)[policies.NetworkLabel]
	switch {
	case federation.Spec.Pods.NetworkLabel == v1alpha1.NetworkLabelNever:
		condition.Status, condition.Reason = metav1.ConditionFalse, "Never"
		condition.Message = "spec.pods.networkLabel is Never"
	case federation.Spec.Pods.NetworkLabel == v1alpha1.NetworkLabelAlways:
		condition.Status, condition.Reason = metav1.ConditionTrue, "Always"
		condition.Message = "spec.pods.networkLabel is Always"
	case !labelled:
		condition.Status, condition.Reason = metav1.ConditionFalse, "RootNamespaceNotLabelled"
		condition.Message = fmt.Sprintf("namespace %s has no label %s; label it with %s", root, policies.NetworkLabel, federation.Local.Network)
	case actual != federation.Local.Network:
		condition.Status, condition.Reason = metav1.ConditionFalse, "RootNamespaceDiffers"
		condition.Message = fmt.Sprintf("namespace %s has %s=%s; the network of member %s is %s",
			root, policies.NetworkLabel, actual, federation.Local.Name, federation.Local.Network)
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, "RootNamespaceAgrees"
		condition.Message = fmt.Sprintf("namespace %s has %s=%s", root, policies.NetworkLabel, actual)
	}
	return condition
}
