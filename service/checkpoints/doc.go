// Package checkpoints is the part of the web service behind checkpoint accounts: how a device is brought in, what its body asks of
// it, who stands guard, and the server's side of posvid sync, by which bundles, policies, photos and journals travel between the
// service and a device that otherwise has no network (docs/spec/checkpoint-account.md).
//
// It decides nothing about people. What it gives a device is signed or sealed by others; what it takes of a device it counts, or
// keeps as it came.
package checkpoints
