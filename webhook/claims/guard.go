package claims

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/feed"
)

// guards keeps an IPAddress for each claimed virtual address: Kubernetes then
// gives the address to no Service, and whoever lists IPAddresses sees who has it.
// Uniqueness between ServiceEntries does not hang on it.
type guards struct {
	client client.Client
}

// keep makes, mends or removes the guard of the address that claim is about. It
// reports whether somebody else's IPAddress stands in the guard's place.
//
// Inside a range of Services none is made, since Kubernetes deletes it with the
// next Service of that address; one that was there before the range is left, and
// keeps Services off for as long as it lasts.
func (g *guards) keep(ctx context.Context, cluster Mesh, claim *Claim) (foreign bool, err error) {
	addr, err := netip.ParseAddr(claim.Key.Name)
	if err != nil {
		return false, nil // no claim that fedmesh made
	}
	holders := slices.DeleteFunc(slices.Clone(claim.Entries), func(e Entry) bool { return !e.Confirmed })
	var guard networkingv1.IPAddress
	err = g.client.Get(ctx, client.ObjectKey{Name: addr.String()}, &guard)
	switch {
	case feed.SaysAbsent(err, addr.String()):
		if len(holders) == 0 || cluster.InServiceRange(addr) {
			return false, nil
		}
		return false, g.create(ctx, addr, holders[0].Ref)
	case apierrors.IsNotFound(err):
		return false, nil // Kubernetes before 1.33 does not serve the kind
	case err != nil:
		return false, fmt.Errorf("cannot read IPAddress %s: %w", addr, err)
	case guard.Labels[networkingv1.LabelManagedBy] != mesh.ManagedByFedmesh:
		return len(holders) > 0, nil
	case len(holders) == 0:
		return false, g.delete(ctx, &guard)
	case slices.ContainsFunc(holders, func(e Entry) bool { return standsFor(&guard, e.Ref) }) || cluster.InServiceRange(addr):
		return false, nil
	}
	// A parentRef cannot be changed.
	if err := g.delete(ctx, &guard); err != nil {
		return false, err
	}
	return false, g.create(ctx, addr, holders[0].Ref)
}

func (g *guards) create(ctx context.Context, addr netip.Addr, holder mesh.Ref) error {
	err := g.client.Create(ctx, &networkingv1.IPAddress{
		ObjectMeta: metav1.ObjectMeta{Name: addr.String(), Labels: map[string]string{
			networkingv1.LabelManagedBy: mesh.ManagedByFedmesh,
			noBackupLabel:               "true",
		}},
		Spec: networkingv1.IPAddressSpec{ParentRef: parentOf(holder)},
	})
	switch {
	case apierrors.IsAlreadyExists(err):
		return ErrConflict
	case apierrors.IsNotFound(err):
		return nil // the kind is not served
	case err != nil:
		return fmt.Errorf("cannot create IPAddress %s: %w", addr, err)
	}
	return nil
}

func (g *guards) delete(ctx context.Context, guard *networkingv1.IPAddress) error {
	err := g.client.Delete(ctx, guard, client.Preconditions{UID: &guard.UID, ResourceVersion: &guard.ResourceVersion})
	switch {
	case apierrors.IsConflict(err) || apierrors.IsNotFound(err):
		return ErrConflict
	case err != nil:
		return fmt.Errorf("cannot delete IPAddress %s: %w", guard.Name, err)
	}
	return nil
}

// parentOf is a ServiceEntry as the guard of its address refers to it.
func parentOf(holder mesh.Ref) *networkingv1.ParentReference {
	return &networkingv1.ParentReference{
		Group: holder.Kind.GroupKind().Group, Resource: "serviceentries", Namespace: holder.Namespace, Name: holder.Name,
	}
}

func standsFor(guard *networkingv1.IPAddress, holder mesh.Ref) bool {
	return guard.Spec.ParentRef != nil && *guard.Spec.ParentRef == *parentOf(holder)
}

// list returns the addresses that have a guard. The map is nil where the kind is not
// served.
func (g *guards) list(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	page := &metav1.PartialObjectMetadataList{}
	page.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("IPAddressList"))
	for {
		err := g.client.List(ctx, page, client.MatchingLabels{networkingv1.LabelManagedBy: mesh.ManagedByFedmesh},
			client.Limit(500), client.Continue(page.Continue))
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list IPAddresses: %w", err)
		}
		for _, guard := range page.Items {
			names[guard.Name] = true
		}
		if page.Continue == "" {
			return names, nil
		}
	}
}
