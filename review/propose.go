package review

func (r *reviewing) propose() {}
