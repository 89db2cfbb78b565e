//go:build race

package trust

// raceDetector thins the long loops out: the detector slows cryptography and compression tenfold.
const raceDetector = true
