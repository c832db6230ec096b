"""The fault campaign: services fall asleep and wake under random traffic while everything around them fails."""
