package watch

import (
	"fmt"
	"testing"
)

// BenchmarkView is one drawing of a verdict with a portrait.
func BenchmarkView(b *testing.B) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {250, 250}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			r := newRig(b)
			r.size(size[0], size[1])
			answer(r, 1)
			for b.Loop() {
				r.m.drawn = nil
				r.m.View()
			}
		})
	}
}
