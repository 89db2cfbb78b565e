// Command write makes the files of testvectors/hr in the folder named by its only argument.
package main

import (
	"fmt"
	"os"

	"github.com/posvid/posvid/testvectors/gen/hrdata"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: write FOLDER")
		os.Exit(2)
	}
	if err := hrdata.WriteFiles(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
