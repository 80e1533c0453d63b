package claims

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// scheduleStart is when every schedule begins.
var scheduleStart = time.Unix(1_700_000_000, 0).UTC()

// scheduler runs actors, one step of one of them at a time. A seed decides which
// one goes on and when time passes, so that the same seed gives the same schedule.
type scheduler struct {
	random *rand.Rand
	// now is how long ago scheduleStart is.
	now    time.Duration
	actors []*actor
	last   *actor
	steps  int
	habits habits

	// failure is the first thing that went wrong. Nothing runs any more after it.
	failure string
	// trace is what happened; nil unless somebody wants to read it, since to write
	// it down takes longer than to do it.
	trace *strings.Builder
}

// habits differ between schedules, because some mistakes show only where one actor
// runs far ahead, and others only where all take turns.
type habits struct {
	// stay is how likely the actor that made the last step makes the next one too.
	stay float64
	// pass is how likely time passes between two steps.
	pass float64
	// leap is how likely that is much time.
	leap float64
	// patience is how likely a background actor is passed over.
	patience float64
}

// actor is somebody who acts step by step. Between two calls of pause it is alone
// in the world.
type actor struct {
	name      string
	scheduler *scheduler
	// background is true for one that nobody waits for.
	background bool
	// notBefore is when it goes on at the earliest.
	notBefore time.Duration
	// ready says whether there is anything to do; nil when there is.
	ready func() bool
	done  bool

	// step is what an actor does that never stops in between. The others are
	// coroutines.
	step  func()
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
	dead  bool
}

func newScheduler(seed uint64) *scheduler {
	random := rand.New(rand.NewPCG(seed, 0))
	one := func(values ...float64) float64 { return values[random.IntN(len(values))] }
	return &scheduler{random: random, habits: habits{
		stay:     one(0, 0, 0.5, 0.9),
		pass:     one(0.01, 0.05, 0.2),
		leap:     one(0, 0.1, 0.5),
		patience: one(0, 0.5, 0.9, 0.98),
	}}
}

// chance is true with the given probability.
func (s *scheduler) chance(probability float64) bool { return s.random.Float64() < probability }

// between is a duration up to most.
func (s *scheduler) between(least, most time.Duration) time.Duration {
	if most <= least {
		return least
	}
	return least + time.Duration(s.random.Int64N(int64(most-least)+1))
}

// start adds an actor that runs body.
func (s *scheduler) start(name string, body func(*actor)) *actor {
	a := &actor{name: name, scheduler: s}
	a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		body(a)
	})
	s.actors = append(s.actors, a)
	return a
}

// startSteps adds a background actor that runs step, which never pauses, whenever
// it is ready.
func (s *scheduler) startSteps(name string, ready func() bool, step func()) *actor {
	a := &actor{name: name, scheduler: s, background: true, ready: ready, step: step}
	s.actors = append(s.actors, a)
	return a
}

// pause lets others act. It returns false when the actor is to end: it is
// abandoned.
func (a *actor) pause() bool {
	if a.dead || !a.yield(struct{}{}) {
		a.dead = true
		return false
	}
	return true
}

// sleep is pause for a time.
func (a *actor) sleep(duration time.Duration) bool {
	a.notBefore = a.scheduler.now + duration
	return a.pause()
}

// wait is pause until ready says so.
func (a *actor) wait(ready func() bool) bool {
	a.ready = ready
	defer func() { a.ready = nil }()
	return a.pause()
}

func (a *actor) canStep() bool {
	return !a.done && a.notBefore <= a.scheduler.now && (a.ready == nil || a.ready())
}

// run makes steps until over says that it is enough, nobody has anything to do any
// more, or something failed. The function wake returns when somebody may have
// something to do, besides the actors that sleep.
func (s *scheduler) run(most int, leaps bool, wake func() (time.Duration, bool), over func() bool) {
	for s.failure == "" && !over() {
		if s.steps++; s.steps > most {
			s.fail("it does not come to rest within %d steps", most)
			return
		}
		next, later := s.nextWake(wake)
		if leaps && s.chance(s.habits.pass) {
			s.passTime(next, later)
		}
		who := s.pick()
		if who == nil {
			if !later {
				return
			}
			s.now = max(s.now, next)
			continue
		}
		s.last = who
		if who.step != nil {
			who.step()
		} else if _, more := who.next(); !more {
			who.done = true
		}
	}
	s.actors = slices.DeleteFunc(s.actors, func(a *actor) bool { return a.done })
}

// passTime lets time pass: to when somebody has something to do, or just so.
func (s *scheduler) passTime(next time.Duration, later bool) {
	switch {
	case !s.chance(s.habits.leap):
		s.now += s.between(0, 2*time.Second)
	case later && s.chance(0.8):
		s.now = max(s.now, next)
	default:
		s.now += s.between(0, 40*time.Second)
	}
}

// nextWake returns when the next one wakes up who sleeps now.
func (s *scheduler) nextWake(wake func() (time.Duration, bool)) (time.Duration, bool) {
	next, later := wake()
	if later && next <= s.now {
		next, later = 0, false
	}
	for _, a := range s.actors {
		if !a.done && a.notBefore > s.now && (!later || a.notBefore < next) && (a.ready == nil || a.ready()) {
			next, later = a.notBefore, true
		}
	}
	return next, later
}

// pick chooses who makes the next step; nil when nobody can.
func (s *scheduler) pick() *actor {
	if s.last != nil && s.last.canStep() && s.chance(s.habits.stay) {
		return s.last
	}
	count, pressing := 0, 0
	for _, a := range s.actors {
		if a.canStep() {
			count++
			if !a.background {
				pressing++
			}
		}
	}
	if count == 0 {
		return nil
	}
	skip := pressing > 0 && s.chance(s.habits.patience)
	if skip {
		count = pressing
	}
	which := s.random.IntN(count)
	for _, a := range s.actors {
		if skip && a.background || !a.canStep() {
			continue
		}
		if which == 0 {
			return a
		}
		which--
	}
	return nil
}

// abandon ends all actors in the middle of what they do.
func (s *scheduler) abandon() {
	for _, a := range s.actors {
		if a.stop != nil {
			a.dead = true
			a.stop()
		}
	}
}

// fail notes what went wrong, once.
func (s *scheduler) fail(format string, arguments ...any) {
	if s.failure == "" {
		s.failure = fmt.Sprintf(format, arguments...)
		s.note("FAILURE: %s", s.failure)
	}
}

// note adds a line to the trace. Callers ask tracing first where the arguments
// take time to make.
func (s *scheduler) note(format string, arguments ...any) {
	if s.trace == nil {
		return
	}
	fmt.Fprintf(s.trace, "%9.3fs  ", s.now.Seconds())
	fmt.Fprintf(s.trace, format, arguments...)
	s.trace.WriteByte('\n')
}

func (s *scheduler) tracing() bool { return s.trace != nil }
