package claims

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaderLease is the Lease that says which replica's controller works.
const leaderLease = "fedmesh-leader"

// How leadership passes on, as Kubernetes' own controllers have it
// (k8s.io/component-base/config/v1alpha1, RecommendedDefaultLeaderElectionConfiguration).
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// NeedLeaderElection is false for the manager: it would end the whole process
// when the leader's lease is lost, and with it the webhook that mesh objects wait
// for. Start elects a leader by itself.
func (c *Controller) NeedLeaderElection() bool { return false }

// Start does the leader's work whenever this replica is the leader, until ctx
// ends. One that does not know the mesh does not stand for election.
func (c *Controller) Start(ctx context.Context) error {
	for !c.ready() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	lock := &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: c.namespace, Name: leaderLease},
		Client:     c.leases,
		LockConfig: resourcelock.ResourceLockConfig{Identity: c.identity},
	}
	// The elector does not wait for what it has started, and may start it late.
	var leading sync.Mutex
	for ctx.Err() == nil {
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock:          lock,
			LeaseDuration: leaseDuration,
			RenewDeadline: renewDeadline,
			RetryPeriod:   retryPeriod,
			// The next one need not wait for the lease to run out.
			ReleaseOnCancel: true,
			Name:            leaderLease,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(ctx context.Context) {
					leading.Lock()
					defer leading.Unlock()
					if ctx.Err() != nil {
						return
					}
					c.log.Info("Keeping the claims", "identity", c.identity)
					c.lead(ctx)
					c.log.Info("Not keeping the claims any more", "identity", c.identity)
				},
				OnStoppedLeading: func() {}, // also called for who never led
			},
		})
		if err != nil {
			return fmt.Errorf("cannot elect who keeps the claims: %w", err)
		}
		elector.Run(ctx)
	}
	leading.Lock()
	defer leading.Unlock()
	return nil
}
