package lint

import "runtime/debug"

// CollectLess has the garbage collector run seldom for as long as there is room: a
// program that reads, judges and ends needs little of it. From 1 GiB on it runs as
// often as it takes to stay there.
func CollectLess() {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
}
