package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/feed"
)

// How a claim is a Lease.
const (
	// Label is on every claim; its value is the kind of the key.
	Label = "fedmesh.io/claim"
	// keyAnnotation is the key, and entriesAnnotation the entries, as JSON.
	keyAnnotation     = "fedmesh.io/key"
	entriesAnnotation = "fedmesh.io/entries"
	// noBackupLabel keeps claims out of Velero's backups: restored without the
	// objects that they speak of they would be in the way for nothing.
	noBackupLabel = "velero.io/exclude-from-backup"
)

// leaseStore keeps claims as Leases in one namespace. A Lease that is none of
// fedmesh's claims is never written.
type leaseStore struct {
	client    client.Client
	namespace string
}

// NewStore returns a Store of Leases in namespace. The client must ask the API
// server, not a cache.
func NewStore(client client.Client, namespace string) Store {
	return &leaseStore{client: client, namespace: namespace}
}

// Get is Store's.
func (s *leaseStore) Get(ctx context.Context, key Key) (*Claim, error) {
	var lease coordinationv1.Lease
	err := s.client.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: key.LeaseName()}, &lease)
	switch {
	case feed.SaysAbsent(err, key.LeaseName()):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read the claim to %s: %w", key.Describe(), err)
	case lease.DeletionTimestamp != nil:
		// A write would take the finalizer off, and the claim would go with it.
		return nil, fmt.Errorf("lease %s/%s, the claim to %s, is being deleted; take off its finalizers: %s",
			s.namespace, lease.Name, key.Describe(), strings.Join(lease.Finalizers, ", "))
	}
	claim, err := fromLease(&lease)
	if err == nil && claim.Key != key {
		err = fmt.Errorf("it is the claim to %s", claim.Key.Describe())
	}
	if err != nil {
		return nil, fmt.Errorf("lease %s/%s stands where the claim to %s should be: %w; delete that lease", s.namespace, lease.Name, key.Describe(), err)
	}
	return claim, nil
}

// Create is Store's.
func (s *leaseStore) Create(ctx context.Context, claim *Claim) error {
	lease, err := toLease(claim, s.namespace)
	if err != nil {
		return err
	}
	err = s.client.Create(ctx, lease)
	if apierrors.IsAlreadyExists(err) {
		return ErrConflict
	}
	return failedWrite(claim, err)
}

// Update is Store's.
func (s *leaseStore) Update(ctx context.Context, claim *Claim) error {
	lease, err := toLease(claim, s.namespace)
	if err != nil {
		return err
	}
	err = s.client.Update(ctx, lease)
	if apierrors.IsConflict(err) || feed.SaysAbsent(err, lease.Name) {
		return ErrConflict
	}
	return failedWrite(claim, err)
}

// Delete is Store's.
func (s *leaseStore) Delete(ctx context.Context, claim *Claim) error {
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: claim.Key.LeaseName()}}
	err := s.client.Delete(ctx, lease, client.Preconditions{UID: &claim.UID, ResourceVersion: &claim.ResourceVersion})
	if apierrors.IsConflict(err) || feed.SaysAbsent(err, lease.Name) {
		return ErrConflict
	}
	return failedWrite(claim, err)
}

func failedWrite(claim *Claim, err error) error {
	if apierrors.IsInvalid(err) {
		return fmt.Errorf("the claim to %s has %d entries, and room for no more: %w", claim.Key.Describe(), len(claim.Entries), err)
	}
	if err != nil {
		return fmt.Errorf("cannot write the claim to %s: %w", claim.Key.Describe(), err)
	}
	return nil
}

// storedEntry is an Entry in a Lease's annotation.
type storedEntry struct {
	Object             string     `json:"object"` // Kind/namespace/name
	UID                types.UID  `json:"uid"`
	Hosts              []string   `json:"hosts,omitempty"`
	Revision           string     `json:"revision,omitempty"`
	Replaces           string     `json:"replaces,omitempty"`
	Created            *time.Time `json:"created,omitempty"` // of a confirmed entry
	Attempt            string     `json:"attempt,omitempty"`
	Since              *time.Time `json:"since,omitempty"`
	OldResourceVersion string     `json:"oldResourceVersion,omitempty"`
}

// toLease returns the Lease that a claim is stored as. It has no owner: a claim
// that is collected as garbage would be a claim that is lost.
func toLease(claim *Claim, namespace string) (*coordinationv1.Lease, error) {
	claim.sort()
	stored := make([]storedEntry, 0, len(claim.Entries))
	for _, entry := range claim.Entries {
		item := storedEntry{
			Object: entry.Ref.Kind.String() + "/" + entry.Ref.Namespace + "/" + entry.Ref.Name,
			UID:    entry.UID, Hosts: entry.Hosts, Revision: entry.Revision, Replaces: entry.Replaces,
			Attempt: entry.Attempt, OldResourceVersion: entry.OldResourceVersion,
		}
		if entry.Confirmed {
			item.Created = new(time.Unix(entry.Created, 0).UTC())
		} else {
			item.Since = new(entry.Since.UTC())
		}
		stored = append(stored, item)
	}
	text, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("cannot write the claim to %s: %w", claim.Key.Describe(), err)
	}
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: claim.Key.LeaseName(), UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			Labels:      map[string]string{Label: string(claim.Key.Kind), noBackupLabel: "true"},
			Annotations: map[string]string{keyAnnotation: claim.Key.String(), entriesAnnotation: string(text)},
		},
	}
	if len(stored) > 0 {
		// For who lists Leases; nobody reads it back.
		lease.Spec.HolderIdentity = new(claim.Entries[0].Ref.String())
	}
	return lease, nil
}

// fromLease reads the claim that a Lease is.
func fromLease(lease *coordinationv1.Lease) (*Claim, error) {
	text, ok := lease.Annotations[keyAnnotation]
	if _, labelled := lease.Labels[Label]; !ok || !labelled {
		return nil, fmt.Errorf("it lacks label %s or annotation %s, so that it is no claim", Label, keyAnnotation)
	}
	key, err := ParseKey(text)
	if err != nil {
		return nil, fmt.Errorf("annotation %s: %w", keyAnnotation, err)
	}
	var stored []storedEntry
	if err := json.Unmarshal([]byte(lease.Annotations[entriesAnnotation]), &stored); err != nil {
		return nil, fmt.Errorf("annotation %s: %w", entriesAnnotation, err)
	}
	claim := &Claim{Key: key, UID: lease.UID, ResourceVersion: lease.ResourceVersion}
	for i, item := range stored {
		object := strings.SplitN(item.Object, "/", 3)
		if len(object) != 3 || object[0] != key.ObjectKind().String() || item.UID == "" || (item.Created == nil) == (item.Since == nil) {
			return nil, fmt.Errorf("annotation %s: [%d] is no entry of a claim to %s", entriesAnnotation, i, key.Describe())
		}
		entry := Entry{
			Ref: mesh.Ref{Kind: key.ObjectKind(), Namespace: object[1], Name: object[2]},
			UID: item.UID, Hosts: item.Hosts, Revision: item.Revision, Replaces: item.Replaces,
			Attempt: item.Attempt, OldResourceVersion: item.OldResourceVersion,
		}
		if item.Created != nil {
			entry.Confirmed, entry.Created = true, item.Created.Unix()
		} else {
			entry.Since = *item.Since
		}
		claim.Entries = append(claim.Entries, entry)
	}
	return claim, nil
}
