package cli

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
)

// WriteStream writes a file of any length as WriteAtomic does: a reader sees the old file or the whole new one, also after a
// power cut. When write fails, nothing is left.
func WriteStream(name string, mode os.FileMode, write func(io.Writer) error) error {
	folder := filepath.Dir(name)
	temp, err := os.CreateTemp(folder, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	buffered := bufio.NewWriterSize(temp, 256<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = temp.Chmod(mode)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closed := temp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return err
	}
	handle, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.Sync()
}
