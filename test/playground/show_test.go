package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"fedmesh.io/fedmesh/test/controlplane"
)

// script is a kubectl that gives one answer after the other.
func script(answers ...string) kubectl {
	return func(context.Context, ...string) controlplane.KubectlResult {
		answer := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		return controlplane.KubectlResult{Stdout: answer + "\n"}
	}
}

func TestShow(t *testing.T) {
	wanted := command{args: []string{"get"}, want: []string{"yes"}}
	patient, same := wanted, wanted
	patient.patient = true
	same.same = true

	for _, test := range []struct {
		name     string
		commands []command
		kubectl  kubectl
		err      error
		want     string
	}{
		{
			name: "as it should be", commands: []command{wanted}, kubectl: script("yes"),
			want: "\nTitle\n=====\n\nstep\n$ kubectl get\nyes\n✓ done\n\n✓ all 1 steps did what they should\n",
		},
		{
			name: "not as it should be", commands: []command{wanted, wanted}, kubectl: script("no"), err: errSteps,
			want: "\nTitle\n=====\n\nstep\n$ kubectl get\nno\n✗ \"yes\" is missing\n\n✗ 1 of 1 steps did not do what they should\n",
		},
		{
			name: "after a while", commands: []command{patient}, kubectl: script("no", "no", "yes"),
			want: "\nTitle\n=====\n\nstep\n$ kubectl get\nyes\n✓ done\n\n✓ all 1 steps did what they should\n",
		},
		{
			name: "not the same", commands: []command{same, wanted, same}, kubectl: script("yes 1", "yes 2", "yes 3"), err: errSteps,
			want: "$ kubectl get\nyes 3\n✗ this is not what was printed before\n",
		},
		{
			name: "the same", commands: []command{same, wanted, same}, kubectl: script("yes 1", "yes 2", "yes 1"),
			want: "✓ done\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			steps := []section{{"Title", []step{{title: "step", commands: test.commands, result: "done"}}}}
			err := show(t.Context(), &terminal{out: &out}, test.kubectl, steps)
			if !errors.Is(err, test.err) {
				t.Errorf("error is %v, want %v", err, test.err)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("printed:\n%s\nwant:\n%s", out.String(), test.want)
			}
		})
	}
}

func TestShowEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupted := func(context.Context, ...string) controlplane.KubectlResult {
		cancel()
		return controlplane.KubectlResult{ExitCode: -1}
	}
	steps := []section{{"Title", []step{{title: "step", commands: []command{{patient: true}}}}}}
	err := show(ctx, &terminal{out: &bytes.Buffer{}}, interrupted, steps)
	if !errors.Is(err, errInterrupted) {
		t.Errorf("error is %v, want %v", err, errInterrupted)
	}
}

// TestPlayground is "make run ONESHOT=1". The README shows parts of what it
// prints; each paragraph there has to be in here.
func TestPlayground(t *testing.T) {
	t.Chdir("../..")
	var out bytes.Buffer
	if err := run(t.Context(), &terminal{out: &out}, true); err != nil {
		t.Errorf("%v; it printed:\n%s", err, out.String())
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, opened := strings.Cut(string(readme), "<!-- transcript -->\n```console\n")
	transcript, _, closed := strings.Cut(rest, "```\n<!-- /transcript -->")
	if !opened || !closed {
		t.Fatal("README.md has no transcript")
	}
	for paragraph := range strings.SplitSeq(strings.TrimSpace(transcript), "\n\n") {
		if !strings.Contains(out.String(), strings.TrimSpace(paragraph)) {
			t.Errorf("README.md shows what was not printed:\n%s\nIt printed:\n%s", paragraph, out.String())
		}
	}
}
