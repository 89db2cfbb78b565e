package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// picture is a file to judge with what it says.
type picture struct {
	set  string // its folder
	file string
	// texts are those the picture holds; all are wanted. None: the picture
	// holds no code.
	texts []string
	// whole is set when texts are all that can be found: a picture without a
	// code, or one with further texts given.
	whole bool
}

var extensions = []string{".png", ".jpg", ".jpeg", ".webp", ".gif"}

// collect lists the pictures below a folder. Beside NAME.png lies NAME.txt with
// the exact text, and NAME.2.txt, NAME.3.txt … with those of further codes in
// the same picture; an empty NAME.txt says that the picture holds no code.
func collect(root string) (pictures []picture, untold []string, err error) {
	err = filepath.WalkDir(root, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains(extensions, strings.ToLower(filepath.Ext(name))) {
			return err
		}
		set, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		if set == "." {
			absolute, err := filepath.Abs(root)
			if err != nil {
				return err
			}
			set = filepath.Base(absolute)
		}
		p := picture{set: filepath.ToSlash(set), file: name}
		stem := strings.TrimSuffix(name, filepath.Ext(name))
		first, err := os.ReadFile(stem + ".txt")
		if os.IsNotExist(err) {
			untold = append(untold, name)
			return nil
		}
		if err != nil {
			return err
		}
		p.whole = len(first) == 0
		if len(first) > 0 {
			p.texts = append(p.texts, string(first))
		}
		for n := 2; ; n++ {
			more, err := os.ReadFile(fmt.Sprintf("%s.%d.txt", stem, n))
			if os.IsNotExist(err) {
				break
			}
			if err != nil {
				return err
			}
			p.texts, p.whole = append(p.texts, string(more)), true
		}
		pictures = append(pictures, p)
		return nil
	})
	return pictures, untold, err
}

// outcome is what one decoder made of one picture.
type outcome struct {
	read  bool // every text of the picture was found; of a picture without a code: no text was found
	wrong bool // a text was found that the picture does not hold
	extra int  // other texts beside the wanted one, in a picture of which only one text is known
	// charset tells that the symbol's bytes were right and read in another
	// character set: neither read nor wrong.
	charset bool
}

// judge compares the texts a decoder found with those of the picture.
//
// Read means that all texts of the picture are among them, byte for byte; one line end at
// the end of a truth file is not part of the text. Wrong means that texts were
// found and none is right, or, where every text of the picture is known, that
// any found text is none of them. So a decoder that adds a guess to a right
// text is not read as right twice: the guess is counted in extra.
func judge(p picture, found []string) outcome {
	var o outcome
	if len(p.texts) == 0 {
		return outcome{read: len(found) == 0, wrong: len(found) > 0}
	}
	strange, right := 0, map[int]bool{}
	for _, text := range found {
		switch known := slices.IndexFunc(p.texts, func(truth string) bool { return same(text, truth) }); {
		case known >= 0:
			right[known] = true
		case slices.ContainsFunc(p.texts, func(truth string) bool { return recoded(text, truth) }):
			o.charset = true
		default:
			strange++
		}
	}
	o.read = len(right) == len(p.texts)
	switch {
	case strange == 0:
	case p.whole || len(right) == 0 && !o.charset:
		o.wrong = true
	default:
		o.extra = strange
	}
	o.charset = o.charset && !o.read
	return o
}

func same(text, truth string) bool { return lines(text) == lines(truth) }

// lines is a text with plain line ends between its lines and none after the last.
func lines(s string) string {
	return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\r\n")
}

// recoded tells whether text is the bytes of truth read as ISO 8859-1, or the
// reverse.
func recoded(text, truth string) bool {
	return latin(truth) == text || latin(text) == truth || !utf8.ValidString(text) && latin(text) == latin(truth)
}

// latin reads each byte as the character of ISO 8859-1.
func latin(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}
