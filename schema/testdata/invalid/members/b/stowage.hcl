not a member
