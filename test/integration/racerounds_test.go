package integration

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"fedmesh.io/fedmesh/policies/mesh"
	"fedmesh.io/fedmesh/webhook/claims"
)

// contenders is how many ask for one thing at the same moment.
const contenders = 10

// contention is a group of requests that are sent at the same moment. What they
// want is free.
type contention struct {
	what     string
	wanted   []*raceObject
	outcomes []outcome
}

// sameKeys has groups want exactly the same: one address for one host, or the
// place of a namespace's default Sidecar.
func sameKeys() []*contention {
	var all []*contention
	for n := range raceVIPs {
		group := &contention{what: "the same host on " + raceVIP(n)}
		for i := range contenders {
			group.want(i, []string{raceHost(n)}, []string{raceVIP(n)})
		}
		all = append(all, group)
	}
	for _, namespace := range raceNamespaces {
		group := &contention{what: "the default Sidecar of " + namespace}
		for i := range contenders {
			group.wanted = append(group.wanted, &raceObject{ref: mesh.Ref{Kind: mesh.Sidecar, Namespace: namespace, Name: fmt.Sprintf("default-%d", i)}})
		}
		all = append(all, group)
	}
	return all
}

// sameAddress has groups want one address for different hosts, which are free.
func sameAddress() []*contention {
	var all []*contention
	for n := range raceVIPs {
		group := &contention{what: "different hosts on " + raceVIP(n)}
		for i := range contenders {
			group.want(i, []string{fmt.Sprintf("only%d.n%d.global", i, n)}, []string{raceVIP(n)})
		}
		all = append(all, group)
	}
	return all
}

// overlapping has everybody want two neighbouring addresses and one of few hosts,
// so that each is in the way of some and not of all.
func overlapping() []*contention {
	group := &contention{what: "overlapping sets"}
	for n := range raceVIPs {
		for i := range contenders / 2 {
			group.want(n*contenders+i, []string{raceHost((n*7 + i) % raceHosts)}, []string{raceVIP(n), raceVIP((n + 1) % raceVIPs)})
		}
	}
	return []*contention{group}
}

func (c *contention) want(n int, hosts, addresses []string) {
	c.wanted = append(c.wanted, &raceObject{
		ref:   mesh.Ref{Kind: mesh.ServiceEntry, Namespace: raceNamespaces[n%len(raceNamespaces)], Name: fmt.Sprintf("c%d-%s", n, hosts[0])},
		hosts: hosts, addresses: addresses,
	})
}

// together is how many groups are sent at the same moment; more would wait for the
// API server and not for each other.
const together = 10

// contend sends the requests of each group at once, and those of other groups with
// them. It returns when all have been answered.
func contend(client *raceClient, all []*contention) {
	for groups := range slices.Chunk(all, together) {
		start := make(chan struct{})
		var requests sync.WaitGroup
		for _, group := range groups {
			group.outcomes = make([]outcome, len(group.wanted))
			for i, object := range group.wanted {
				requests.Go(func() {
					<-start
					group.outcomes[i] = client.create(context.Background(), object, false)
				})
			}
		}
		close(start)
		requests.Wait()
	}
}

// judge says what is wrong with the outcomes of a contention: all that was stored
// has its keys alone, and whoever was denied wanted a key that was given to another
// one. So there is a winner for each key that somebody wanted.
func (c *contention) judge() []string {
	var wrong []string
	winners := map[claims.Key][]int{}
	for i, result := range c.outcomes {
		switch result {
		case wasStored:
			for _, key := range c.wanted[i].keys() {
				winners[key] = append(winners[key], i)
			}
		case wasDenied:
		default:
			wrong = append(wrong, fmt.Sprintf("%s: %s: %s", c.what, c.wanted[i].ref, result))
		}
	}
	for i, result := range c.outcomes {
		for _, key := range c.wanted[i].keys() {
			if result == wasStored && len(winners[key]) > 1 {
				wrong = append(wrong, fmt.Sprintf("%s: %d have %s, %s among them; want one", c.what, len(winners[key]), key.Describe(), c.wanted[i].ref))
			}
		}
		if result == wasDenied && !slices.ContainsFunc(c.wanted[i].keys(), func(key claims.Key) bool { return len(winners[key]) > 0 }) {
			wrong = append(wrong, fmt.Sprintf("%s: %s was denied, and nobody has what it wanted", c.what, c.wanted[i].ref))
		}
	}
	return wrong
}

// clear deletes all objects of the race.
func (c *raceClient) clear(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, namespace := range raceNamespaces {
		for _, kind := range []mesh.Kind{mesh.ServiceEntry, mesh.Sidecar} {
			if err := c.DeleteAllOf(ctx, newRaceKind(kind), client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// lastRounds has many ask at once for what is free, and checks that one gets it:
// never two, never none. Before each round everything is deleted, and what is
// deleted is free at once.
func lastRounds(t *testing.T, api *raceClient) {
	t.Helper()
	for _, all := range [][]*contention{sameKeys(), sameAddress(), overlapping()} {
		api.clear(t.Context(), t)
		contend(api, all)
		for _, one := range all {
			for _, text := range one.judge() {
				t.Error(text)
			}
		}
	}
}
