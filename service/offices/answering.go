package offices

// mountAnswering adds the pages where an official answers a survey. It is called by mountSurveys.
func (p *part) mountAnswering() error { return nil }
