package main

import (
	"testing"

	"github.com/posvid/posvid/checkpoint"
	"github.com/posvid/posvid/hr"
)

// What intake makes of a portrait fits into a pack; the checkpoint does not link package hr and states the size itself.
func TestPhotoSizesAgree(t *testing.T) {
	if checkpoint.MaxPhotoBytes != hr.MaxPhotoOutBytes {
		t.Errorf("a pack takes %d bytes, intake makes up to %d", checkpoint.MaxPhotoBytes, hr.MaxPhotoOutBytes)
	}
}
