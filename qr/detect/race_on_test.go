//go:build race

package detect

// raceEnabled thins out the tests that look at millions of pixels: the race detector makes each look some twenty times
// slower, and there is one goroutine in all of them.
const raceEnabled = true
