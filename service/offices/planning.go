package offices

func (p *part) mountPlanning() error { return nil }
