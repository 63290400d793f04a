"""Measurements against limits: findings with a life, the root cause, the verdict, the sentence."""
