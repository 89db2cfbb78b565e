package watch

// WordRows are the rows in which the big letters draw a word, for each size.
func WordRows(word string) [][]string {
	var all [][]string
	for _, f := range faces {
		if b := f.word(word); b != nil {
			all = append(all, b.lines())
		}
	}
	return all
}
