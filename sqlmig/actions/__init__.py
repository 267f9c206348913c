"""What each command does, a module for each family: the parts wired together, a frozen result returned."""
