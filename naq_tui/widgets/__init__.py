"""What the screens are made of. A widget is shown a state through a lens; it knows no feed and no clock."""
