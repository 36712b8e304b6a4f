package envelope

import "context"

// Await waits until the keeper was given that revision of the bucket.
func (k *Keeper) Await(ctx context.Context, revision uint64) error {
	return k.watcher.Await(ctx, trustKey, revision)
}
