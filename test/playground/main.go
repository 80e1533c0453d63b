package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	oneshot := flag.Bool("oneshot", false, "end after the last step")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second Ctrl-C does not wait for anything.
	context.AfterFunc(ctx, stop)
	switch err := run(ctx, newTerminal(os.Stdout), *oneshot); {
	case errors.Is(err, errSteps): // said already
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "playground:", err)
		os.Exit(1)
	}
}

// run starts everything, shows what there is to see, waits for Ctrl-C unless
// oneshot is set, and stops everything. It is an error when a step did not do
// what it should, or when Ctrl-C came before the last one was done.
func run(ctx context.Context, out *terminal, oneshot bool) (err error) {
	cluster, err := start(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = stopAll(out, cluster, err) }()
	err = show(ctx, out, cluster.kubectl, sections())
	if oneshot || ctx.Err() != nil {
		return err
	}
	cluster.explain(out)
	<-ctx.Done()
	out.blank()
	return err
}
