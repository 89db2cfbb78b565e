//go:build !linux && !js

package source

import (
	"fmt"
	"runtime"
)

func openDevice(string) (device, error) {
	return nil, fmt.Errorf("%s: %w", runtime.GOOS, ErrCameraSystem)
}

// Cameras lists the cameras of this computer. Here it fails with
// ErrCameraSystem.
func Cameras() ([]CameraInfo, error) {
	return nil, fmt.Errorf("source: %s: %w", runtime.GOOS, ErrCameraSystem)
}
