package offices

func (p *part) mountMail() error { return nil }
