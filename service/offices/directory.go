package offices

func (p *part) mountDirectory() error { return nil }
