package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"fedmesh.io/fedmesh/test/controlplane"
)

const (
	// patience is how long a command is repeated. News takes milliseconds.
	patience      = 15 * time.Second
	patiencePause = 100 * time.Millisecond
)

// errSteps says that a step did not do what it should. Which one, and why, has
// been shown.
var errSteps = errors.New("not every step did what it should")

// errInterrupted says that Ctrl-C came before everything was shown.
var errInterrupted = errors.New("stopped before the last step was done")

// kubectl runs the real one.
type kubectl func(ctx context.Context, args ...string) controlplane.KubectlResult

// show goes through all steps. It is an error when not all of them did what they
// should, or when ctx ended before.
func show(ctx context.Context, out *terminal, run kubectl, sections []section) error {
	done, failed := 0, 0
	for _, section := range sections {
		out.heading(section.title)
		for n, step := range section.steps {
			if n > 0 {
				out.blank()
			}
			wrong := step.show(ctx, out, run)
			if ctx.Err() != nil {
				return errInterrupted
			}
			done++
			if wrong {
				failed++
			}
		}
	}
	out.blank()
	if failed > 0 {
		out.wrong(fmt.Sprintf("%d of %d steps did not do what they should", failed, done))
		return errSteps
	}
	out.right(fmt.Sprintf("all %d steps did what they should", done))
	return nil
}

// show runs the commands of a step and reports whether any went wrong.
func (s step) show(ctx context.Context, out *terminal, run kubectl) (wrong bool) {
	out.title(s.title)
	same := ""
	for _, command := range s.commands {
		out.command(command.line())
		result, complaint := command.run(ctx, run)
		if ctx.Err() != nil {
			return true // it was killed, and has nothing to say
		}
		out.print(printed(result))
		if command.same && complaint == "" {
			if same == "" {
				same = printed(result)
			} else if printed(result) != same {
				complaint = "this is not what was printed before"
			}
		}
		if complaint != "" {
			out.wrong(complaint)
			return true
		}
	}
	out.right(s.result)
	return false
}

// run runs a command, a patient one until it does what it should.
func (c command) run(ctx context.Context, run kubectl) (result controlplane.KubectlResult, complaint string) {
	if len(c.rivals) > 0 {
		return c.runRivals(ctx, run)
	}
	for deadline := time.Now().Add(patience); ; {
		result = run(ctx, c.args...)
		complaint = c.judge(result)
		if complaint == "" || !c.patient || time.Now().After(deadline) {
			return result, complaint
		}
		select {
		case <-ctx.Done():
			return result, complaint
		case <-time.After(patiencePause):
		}
	}
}

// runRivals runs all commands at the same moment. What they print comes one after
// the other, the one that succeeded last.
func (c command) runRivals(ctx context.Context, run kubectl) (result controlplane.KubectlResult, complaint string) {
	results := make([]controlplane.KubectlResult, 1+len(c.rivals))
	var group sync.WaitGroup
	for n, args := range append([][]string{c.args}, c.rivals...) {
		group.Go(func() { results[n] = run(ctx, args...) })
	}
	group.Wait()
	for _, each := range results {
		result.Stderr += each.Stderr
		result.Stdout += each.Stdout
	}
	return result, c.judgeRivals(results)
}
