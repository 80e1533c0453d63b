package feed

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
)

// untilGone is a client for a reflector that says when the resource is no longer
// served.
type untilGone struct {
	*client
	gone func()
}

var _ cache.ListerWatcherWithContext = (*untilGone)(nil)

// ListWithContext is client's; see there.
func (u *untilGone) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	list, err := u.client.ListWithContext(ctx, options)
	return list, u.check(err)
}

// WatchWithContext is client's; see there.
func (u *untilGone) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	events, err := u.client.WatchWithContext(ctx, options)
	return events, u.check(err)
}

// List is asked for by cache.ListerWatcher; reflectors call ListWithContext.
func (u *untilGone) List(options metav1.ListOptions) (runtime.Object, error) {
	return u.ListWithContext(context.Background(), options)
}

// Watch is asked for by cache.ListerWatcher; reflectors call WatchWithContext.
func (u *untilGone) Watch(options metav1.ListOptions) (watch.Interface, error) {
	return u.WatchWithContext(context.Background(), options)
}

func (u *untilGone) check(err error) error {
	if apierrors.IsNotFound(err) {
		u.gone()
	}
	return err
}
