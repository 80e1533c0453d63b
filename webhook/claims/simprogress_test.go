package claims

import (
	"fmt"
	"testing"
	"time"

	"fedmesh.io/fedmesh/policies/mesh"
)

// TestProgress: of requests that want the same at the same moment one gets it, and
// gets it at once.
func TestProgress(t *testing.T) { runSchedules(t, sameKeys, *schedules/2) }

// TestProgressOfOverlappingRequests: of requests that want some of the same some
// get it, and nobody tries for ever.
func TestProgressOfOverlappingRequests(t *testing.T) { runSchedules(t, overlappingKeys, *schedules/4) }

// sameKeys is a schedule in which several create objects that need exactly the same
// keys. Whatever is let pass is stored, and whoever is told to come again does.
func sameKeys(w *world) {
	w.addresses, w.hosts = 4, 4
	template := design{addresses: w.some(w.addresses, 3), exportTo: inBoth}
	kind := mesh.ServiceEntry
	sameHosts := false
	switch w.random.IntN(4) {
	case 0:
		kind, template = mesh.Sidecar, design{}
	case 1: // the hosts are needed too
		sameHosts = true
		template.exportTo, template.hosts = everywhere, w.some(w.hosts, 2)
	}
	race := w.race(2+w.random.IntN(3), func(number int) design {
		wanted := template
		wanted.ref = mesh.Ref{Kind: kind, Namespace: "a", Name: fmt.Sprintf("name%d", number)}
		if kind == mesh.ServiceEntry && !sameHosts {
			wanted.hosts = 1 << number
		}
		return wanted
	})
	if w.failure != "" || race.late {
		return
	}
	if race.passedFirst == 0 {
		w.fail("no progress: of %d requests that wanted the same at the same moment none was let pass", race.started)
	}
	hosts := map[uint8]bool{}
	for _, v := range w.storedVersions() {
		hosts[v.design.hosts] = true
	}
	// Entries may share addresses for the same hosts, but only one may have these.
	if len(hosts) != 1 || race.applied != 1 {
		w.fail("no progress: %d requests were let pass, for %d sets of hosts", race.applied, len(hosts))
	}
	w.comeToRest()
}

// overlappingKeys is a schedule in which the keys that are needed overlap.
func overlappingKeys(w *world) {
	w.addresses, w.hosts = 4, 3
	race := w.race(2+w.random.IntN(4), func(number int) design {
		return design{
			ref:       mesh.Ref{Kind: mesh.ServiceEntry, Namespace: "a", Name: fmt.Sprintf("name%d", number)},
			addresses: w.some(w.addresses, 3), hosts: w.some(w.hosts, 2),
		}
	})
	if w.failure == "" && !race.late && race.applied == 0 {
		w.fail("no progress: of %d requests none was let pass", race.started)
	}
	w.comeToRest()
}

// race is what became of requests that ran at the same moment.
type race struct {
	started, passedFirst, applied int
	// late is true when time was over for one before it was its turn. Then there is
	// nothing to be said about progress.
	late bool
}

// race runs requests until each is stored, or refused because an object has what it
// needs. Nothing else goes wrong.
func (w *world) race(count int, wanted func(int) design) *race {
	w.webhookTimeout = 30 * time.Second
	w.habits.leap, w.habits.pass = 0, min(w.habits.pass, 0.05)
	w.reliable = true
	w.startController(0, 1).leading = w.chance(0.5)
	race := &race{started: count}
	for number := range count {
		wanted := wanted(number)
		w.names = append(w.names, wanted.ref)
		w.client(fmt.Sprintf("client-%d", number), func(a *actor) {
			for try := 0; ; try++ {
				switch w.create(a, wanted, false) {
				case applied:
					race.applied++
					if try == 0 {
						race.passedFirst++
					}
					return
				case refusedHeld:
					return
				case refusedPending:
					if try == 100 {
						w.fail("no progress: %s has tried for ever", wanted)
					}
					if !a.sleep(w.between(0, time.Second)) {
						return
					}
				default:
					race.late = true
					return
				}
			}
		})
	}
	w.run(mostSteps, true, w.wake, func() bool { return w.clients == 0 })
	return race
}
