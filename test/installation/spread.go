package installation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

const (
	// meshWebhook is the webhook for mesh objects.
	meshWebhook = "mesh.fedmesh.io"
	// shareCondition is what Spread adds to each copy of it.
	shareCondition = "spread-over-replicas"
	// maxReplicas is how many values the digit has that decides who is asked.
	maxReplicas = 16
)

// Spread has the API server ask all of replicas about mesh objects from now on,
// each about its share, and returns when it does. The first is asked about pods
// and Federations, too. Spread or Direct may be called again, when a replica has
// been killed for example.
//
// In a cluster a Service spreads connections, and an API server that has come up
// first, or after a rollout, may ask one replica for hours: it sends all requests
// over one HTTP/2 connection for as long as that lasts. A balancer for TCP in front
// of the replicas would do the same. So there is one copy of the webhook for each
// replica, and a condition that lets exactly one of them match a request: by the
// last digit of the uid, which every creation has anew, or of the resourceVersion
// that an update replaces. Both are as good as random, so that requests for one
// object, and the attempts of one request, reach different replicas.
func (i *Installation) Spread(ctx context.Context, replicas ...*Replica) error {
	if len(replicas) == 0 || len(replicas) > maxReplicas {
		return fmt.Errorf("cannot spread requests over %d replicas: want 1 to %d", len(replicas), maxReplicas)
	}
	round := i.nextRound()
	if err := i.redirect(ctx, replicas[0], func(webhook admissionregistrationv1.ValidatingWebhook) ([]admissionregistrationv1.ValidatingWebhook, error) {
		var copies []admissionregistrationv1.ValidatingWebhook
		for n, replica := range replicas {
			one := *webhook.DeepCopy()
			one.Name = fmt.Sprintf("replica-%d.%s", n+1, meshWebhook)
			one.MatchConditions = append(one.MatchConditions, admissionregistrationv1.MatchCondition{
				Name: shareCondition, Expression: share(n, len(replicas), probeName(round, n)),
			})
			if err := point(&one.ClientConfig, replica); err != nil {
				return nil, err
			}
			copies = append(copies, one)
		}
		return copies, nil
	}); err != nil {
		return err
	}
	for n, replica := range replicas {
		if err := i.waitForObjects(ctx, replica, probeName(round, n)); err != nil {
			return err
		}
	}
	return i.settle(ctx, replicas[0])
}

// share is the condition by which replica n of count is asked. Probes have no
// share in it: each is for one replica, and for one call of Spread, so that its
// arrival shows that the API server knows of that call.
func share(n, count int, probe string) string {
	var digits strings.Builder
	for digit := n; digit < 16; digit += count {
		fmt.Fprintf(&digits, "%x", digit)
	}
	return fmt.Sprintf(`object.metadata.name.startsWith('%s') ? object.metadata.name == '%s' : `+
		`(oldObject == null ? object.metadata.uid : oldObject.metadata.resourceVersion).matches('[%s]$')`, probePrefix, probe, &digits)
}

// probeName is the name of the object by which the API server shows that it asks
// replica n since a call of Spread.
func probeName(round, n int) string { return fmt.Sprintf("%s-%d-%d", probePrefix, round, n) }

func (i *Installation) nextRound() int {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.rounds++
	return i.rounds
}

// copyOf reports whether a webhook is the one for mesh objects or a copy of it.
func copyOf(webhook admissionregistrationv1.ValidatingWebhook) bool {
	return webhook.Name == meshWebhook || strings.HasSuffix(webhook.Name, "."+meshWebhook)
}

// original is the webhook that the manifests have, made of a copy of it.
func original(webhook admissionregistrationv1.ValidatingWebhook) admissionregistrationv1.ValidatingWebhook {
	webhook.Name = meshWebhook
	webhook.MatchConditions = slices.DeleteFunc(slices.Clone(webhook.MatchConditions), func(condition admissionregistrationv1.MatchCondition) bool {
		return condition.Name == shareCondition
	})
	return webhook
}
