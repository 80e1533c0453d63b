package claims

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The simulation runs the protocol by itself: Admission, Reconciler and the judging
// of entries are the real ones, and around them is a world (simworld_test.go) whose
// API server (simserver_test.go), clients (simactors_test.go, simrequests_test.go)
// and controllers' events (simcontroller_test.go) act step by step, in an order that
// a seed decides (simscheduler_test.go). What has to hold is checked after every
// write (simproperties_test.go), and that the checks see mistakes is checked, too
// (simbugs_test.go).

var (
	schedules = flag.Int("schedules", 2000, "how many schedules of the protocol to run")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first schedule")
)

// schedule runs one schedule and returns what went wrong, "" when nothing did, and
// what happened if that is wanted.
func schedule(seed uint64, defect *defect, run func(*world), traced bool) (failure, trace string) {
	w := newWorld(seed, defect)
	if traced {
		w.trace = &strings.Builder{}
	}
	defer func() {
		if reason := recover(); reason != nil {
			failure = fmt.Sprintf("panic: %v\n%s", reason, debug.Stack())
		}
		if traced {
			trace = w.trace.String()
		}
	}()
	defer w.abandon()
	run(w)
	return w.failure, ""
}

// wholeProtocol is a schedule in which everything happens that can.
func wholeProtocol(w *world) {
	w.populate()
	w.run(mostSteps, true, w.wake, func() bool { return w.clients == 0 })
	w.comeToRest()
}

// comeToRest lets time go on, with nobody but the controllers, until they have
// nothing left to do.
func (w *world) comeToRest() {
	if w.failure != "" {
		return
	}
	w.note("all requests have ended")
	w.faults = faults{}
	since := w.now
	for _, a := range w.actors {
		a.notBefore = since // nobody stands still any more
	}
	for _, c := range w.controllers {
		c.leading = true
	}
	if len(w.controllers) == 0 {
		w.startController(0, 1)
	}
	for _, c := range w.controllers {
		c.lead()
	}
	w.run(mostSteps, false, w.wake, func() bool { return false })
	if w.failure == "" {
		w.checkRest(since)
	}
}

// TestProtocol: whatever requests, replicas and controllers do, and in which order,
// there is at most one owner of a key, no claim is lost, and none lasts that nobody
// needs. To run one schedule again with its trace, give its -seed, -schedules=1 and
// -v.
func TestProtocol(t *testing.T) {
	happened := runSchedules(t, wholeProtocol, *schedules)
	if *schedules < 1000 {
		return
	}
	for _, what := range happenings {
		if happened[what] == 0 {
			t.Errorf("it never happened: %s", what)
		}
	}
}

// runSchedules runs that many schedules, and one at least, and returns what happened
// in them.
func runSchedules(t *testing.T, run func(*world), count int) map[happening]int {
	t.Helper()
	count = max(count, 1)
	// There is never much to keep, so that it would be collected all the time.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	var lock sync.Mutex
	happened := map[happening]int{}
	started := time.Now()
	var failed atomic.Uint64
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for failed.Load() == 0 {
				number := next.Add(1) - 1
				if number >= int64(count) {
					return
				}
				seed := *firstSeed + uint64(number)
				failure, _ := schedule(seed, &defect{}, func(w *world) {
					run(w)
					lock.Lock()
					defer lock.Unlock()
					for what, count := range w.happened {
						happened[what] += count
					}
				}, false)
				if failure != "" {
					failed.Store(seed)
				}
			}
		})
	}
	group.Wait()
	if seed := failed.Load(); seed != 0 {
		failure, trace := schedule(seed, &defect{}, run, true)
		t.Fatalf("-seed=%d: %s\n%s", seed, failure, trace)
	}
	t.Logf("%d schedules in %s", count, time.Since(started).Round(time.Millisecond))
	for _, what := range append(slices.Clone(happenings), conflictKnown) {
		if happened[what] > 0 {
			t.Logf("%7d times: %s", happened[what], what)
		}
	}
	if *schedules == 1 {
		_, trace := schedule(*firstSeed, &defect{}, run, true)
		t.Log("\n" + trace)
	}
	return happened
}

// TestSameSeedSameSchedule: a schedule that failed can be looked at.
func TestSameSeedSameSchedule(t *testing.T) {
	for seed := range uint64(30) {
		failure, want := schedule(seed, &defect{}, wholeProtocol, true)
		again, got := schedule(seed, &defect{}, wholeProtocol, true)
		if diff := cmp.Diff(want, got); diff != "" || failure != again {
			t.Fatalf("seed %d: %q, then %q:\n%s", seed, failure, again, diff)
		}
	}
}
